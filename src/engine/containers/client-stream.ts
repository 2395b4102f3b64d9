import { encodeStdcopy } from '../../codec/stdcopy.ts'
import type { Duplex } from '../../core/duplex.ts'
import type { OutputChunk } from '../../ports/machine/processes.ts'
import { DetachScanner } from '../../codec/detach-keys.ts'
import type { OutputSink, ProcessIo } from './process-io.ts'

/** Bytes on their way to a client before its process has to wait. */
const window = 256 * 1024

export interface ClientOptions {
  /** Raw with a terminal, stdcopy frames without. */
  readonly tty: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly stdin: boolean
  /** Ends the process's input with the client's; otherwise the end of the input only ends the session, as in Docker. */
  readonly closesInput: boolean
  /** Given with a terminal. */
  readonly detachKeys?: Uint8Array
}

/**
 * A client of attach or exec. It takes output from the moment it is made, so nothing is lost between the answer and the
 * upgrade of its connection.
 */
export class ClientStream {
  readonly #io: ProcessIo
  readonly #options: ClientOptions
  readonly #signal: AbortSignal
  readonly #leave: () => void
  readonly #output = new TransformStream<Uint8Array, Uint8Array>(undefined, {
    highWaterMark: window,
    size: (chunk) => chunk.byteLength,
  })
  readonly #writer = this.#output.writable.getWriter()
  #replayed: Promise<void> | undefined

  /** @param signal aborted when the client has gone, which leaves the process alone */
  constructor(io: ProcessIo, options: ClientOptions, signal: AbortSignal) {
    this.#io = io
    this.#options = options
    this.#signal = signal
    this.#writer.closed.catch(() => undefined)
    this.#leave = io.add(this.#sink())
    signal.addEventListener('abort', this.#abort, { once: true })
    if (signal.aborted) this.#abort()
  }

  readonly #abort = (): void => {
    this.#leave()
    this.#writer.abort(this.#signal.reason).catch(() => undefined)
  }

  #sink(): OutputSink {
    const { tty, stdout, stderr } = this.#options
    return {
      write: (chunk: OutputChunk) => {
        if (!(chunk.stream === 'stdout' ? stdout : stderr)) return
        const frame = tty ? chunk.bytes : encodeStdcopy(chunk.stream, chunk.bytes)
        return this.#replayed ? this.#replayed.then(() => this.write(frame)) : this.write(frame)
      },
      end: () => this.end(),
    }
  }

  /** Bytes ahead of the process's own: stored logs, an error. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    const room = (this.#writer.desiredSize ?? 0) > bytes.length
    const written = this.#writer.write(bytes)
    // Only a full window is waited for.
    if (!room) return written
    written.catch(() => this.#leave())
    return undefined
  }

  /** Stored output first: what comes meanwhile waits behind it. */
  replay(stored: ReadableStream<Uint8Array>): void {
    const reader = stored.getReader()
    const copy = async (): Promise<void> => {
      try {
        for (;;) {
          const { done, value } = await reader.read()
          if (done) break
          await this.#writer.write(value)
        }
      } catch {
        // The client has gone.
      }
      this.#replayed = undefined
    }
    this.#replayed = copy()
  }

  end(): void {
    const close = (): void => void this.#writer.close().catch(() => undefined)
    if (this.#replayed) void this.#replayed.then(close)
    else close()
  }

  /**
   * Carries bytes both ways until the process has ended, or the client has left or detached.
   * @returns how it ended
   */
  async serve(connection: Duplex): Promise<'ended' | 'detached' | 'gone'> {
    const reader = connection.readable.getReader()
    const out = connection.writable.getWriter()
    out.closed.catch(() => undefined)
    const gone = new Promise<'gone'>((resolve) => {
      if (this.#signal.aborted) resolve('gone')
      this.#signal.addEventListener('abort', () => resolve('gone'), { once: true })
    })
    try {
      return await Promise.race([this.#send(out), this.#receive(reader), gone])
    } finally {
      this.#leave()
      this.#signal.removeEventListener('abort', this.#abort)
      this.#writer.abort().catch(() => undefined)
      reader.cancel().catch(() => undefined)
      await out.close().catch(() => undefined)
    }
  }

  async #send(out: WritableStreamDefaultWriter<Uint8Array>): Promise<'ended' | 'gone'> {
    const output = this.#output.readable.getReader()
    try {
      for (;;) {
        const { done, value } = await output.read()
        if (done) return 'ended'
        await out.ready
        await out.write(value)
      }
    } catch {
      return 'gone'
    }
  }

  /** Settles only when the session has to end with the client's input. */
  async #receive(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<'ended' | 'detached' | 'gone'> {
    const { stdin, detachKeys, closesInput } = this.#options
    const scanner = detachKeys ? new DetachScanner(detachKeys) : undefined
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        if (!stdin) continue
        const { bytes, detached } = scanner?.scan(value) ?? { bytes: value, detached: false }
        // A process that has closed its input loses the rest, but its output goes on.
        if (bytes.length > 0) await this.#io.write(bytes).catch(() => undefined)
        if (detached) return 'detached'
      }
    } catch {
      if (stdin && closesInput) this.#io.closeInput()
      return 'gone'
    }
    if (stdin && closesInput) this.#io.closeInput()
    // Without input, the client closes its half at once and goes on reading.
    if (!stdin || closesInput) return new Promise<never>(() => undefined)
    return 'ended'
  }
}
