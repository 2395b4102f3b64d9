import type { Duplex } from '../core/duplex.ts'
import type { FrameKind } from '../core/guest-protocol.ts'
import { encodeFrame, encodeJson, FrameParser, type Frame } from './frame.ts'
import { EngineError } from '../core/error.ts'

const nothing = new Uint8Array(0)

/** Frames over a byte stream. One reader, one writer. */
export class FrameStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #parser = new FrameParser()

  constructor(stream: Duplex) {
    this.#reader = stream.readable.getReader()
    this.#writer = stream.writable.getWriter()
    // Whoever reads or writes is told; nobody may be doing either.
    this.#reader.closed.catch(() => undefined)
    this.#writer.closed.catch(() => undefined)
    this.#writer.ready.catch(() => undefined)
  }

  /**
   * @returns undefined at the end of the stream
   * @throws EngineError `unavailable` when the stream broke, within a frame or by the guest's reset
   */
  async read(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#parser.next()
      if (frame) return frame
      const { done, value } = await this.#reader.read()
      if (done) {
        if (this.#parser.partial)
          throw new EngineError('unavailable', 'The stream ended within a frame')
        return undefined
      }
      this.#parser.push(value)
    }
  }

  /** Settles when there is room for more, not when the guest has it. */
  async write(kind: FrameKind, payload: Uint8Array = nothing): Promise<void> {
    const bytes = encodeFrame(kind, payload)
    await this.#writer.ready
    this.#writer.write(bytes).catch(() => undefined)
  }

  async writeJson(kind: FrameKind, value: object): Promise<void> {
    await this.write(kind, encodeJson(value))
  }

  /** Half-close: nothing more is written. */
  async end(): Promise<void> {
    await this.#writer.close()
  }

  /** Give the stream up, both ways. */
  reset(reason: Error): void {
    this.#writer.abort(reason).catch(() => undefined)
    this.#reader.cancel(reason).catch(() => undefined)
  }
}
