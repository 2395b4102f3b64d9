import { headEnd, HEAD_MAX, malformed } from './head.ts'

const EMPTY = new Uint8Array()

/** Reads a stream by heads, lengths and lines, keeping what came too early. */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #buffer: Uint8Array = EMPTY
  #filling: Promise<boolean> | undefined
  #ended = false

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader()
  }

  /** Wait for more bytes than are buffered. False at the end. Calls made while one waits share its answer. */
  fill(): Promise<boolean> {
    this.#filling ??= this.#read().finally(() => {
      this.#filling = undefined
    })
    return this.#filling
  }

  async #read(): Promise<boolean> {
    if (this.#ended) return false
    const { done, value } = await this.#reader.read()
    if (done) {
      this.#ended = true
      return false
    }
    this.#buffer = this.#buffer.length === 0 ? value : joined(this.#buffer, value)
    return true
  }

  /**
   * A start line with its fields; undefined when the stream ends before one starts.
   * @throws EngineError `invalid-parameter` when it is cut off or too large
   */
  async readHead(): Promise<Uint8Array | undefined> {
    for (;;) {
      this.#skipEmptyLines()
      const end = headEnd(this.#buffer)
      if (end >= 0) return this.#take(end)
      if (this.#buffer.length > HEAD_MAX) throw malformed('request header fields too large')
      if (!(await this.fill())) {
        if (this.#buffer.length === 0) return undefined
        throw malformed('unexpected EOF in the header')
      }
    }
  }

  /** One line without its end, at most `max` bytes. */
  async readLine(max: number): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf(10)
      if (end >= 0 && end <= max) {
        const line = new TextDecoder('latin1').decode(this.#take(end + 1))
        return line.replace(/\r?\n$/, '')
      }
      if (this.#buffer.length > max) throw malformed('line too long')
      if (!(await this.fill())) throw malformed('unexpected EOF')
    }
  }

  /** Up to `max` bytes, at least one; undefined at the end. */
  async readSome(max: number): Promise<Uint8Array | undefined> {
    if (this.#buffer.length === 0 && !(await this.fill())) return undefined
    return this.#take(Math.min(max, this.#buffer.length))
  }

  /** The stream from here on, for a connection that changes its protocol. */
  rest(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = await this.readSome(Number.MAX_SAFE_INTEGER)
          if (bytes === undefined) controller.close()
          else controller.enqueue(bytes)
        },
        cancel: (reason) => this.#reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
  }

  cancel(reason?: unknown): Promise<void> {
    return this.#reader.cancel(reason)
  }

  /** RFC 9112, 2.2: ignore empty lines before a request line. */
  #skipEmptyLines(): void {
    let at = 0
    while (this.#buffer[at] === 13 || this.#buffer[at] === 10) at++
    if (at > 0) this.#take(at)
  }

  #take(length: number): Uint8Array {
    const taken = this.#buffer.subarray(0, length)
    this.#buffer = this.#buffer.subarray(length)
    return taken
  }
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length)
  both.set(left)
  both.set(right, left.length)
  return both
}
