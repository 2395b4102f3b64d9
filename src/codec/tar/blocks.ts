import { invalid } from './header.ts'

/** Takes a byte stream in pieces of given lengths. */
export class ByteBlocks {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array()
  #position = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position
  }

  /** Exactly `length` bytes; fewer only at the end of the stream. */
  async take(length: number): Promise<Uint8Array> {
    if (this.#rest.length < length) await this.#gather(length)
    const bytes = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(bytes.length)
    this.#position += bytes.length
    return bytes
  }

  async #gather(length: number): Promise<void> {
    const parts = [this.#rest]
    let total = this.#rest.length
    while (total < length) {
      const next = await this.#chunks.next()
      if (next.done) break
      parts.push(next.value)
      total += next.value.length
    }
    this.#rest = new Uint8Array(total)
    let at = 0
    for (const part of parts) {
      this.#rest.set(part, at)
      at += part.length
    }
  }

  /**
   * Pass `length` bytes on as they come, uncopied.
   * @throws EngineError when the stream ends before
   */
  async pass(length: number, each?: (bytes: Uint8Array) => void | Promise<void>): Promise<void> {
    let left = length
    while (left > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next()
        if (next.done) throw invalid('unexpected EOF')
        this.#rest = next.value
      }
      const bytes = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(bytes.length)
      this.#position += bytes.length
      left -= bytes.length
      if (bytes.length > 0) await each?.(bytes)
    }
  }

  /** Read and forget all that is left: whoever hashes the stream needs to see its end. */
  async drain(): Promise<void> {
    this.#rest = new Uint8Array()
    while (!(await this.#chunks.next()).done);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}
