import { EngineError } from '../core/error.ts'
import type { ExitStatus } from '../core/guest-protocol.ts'
import type { MachineProcess, OutputChunk } from '../ports/machine/processes.ts'
import { parseJson, unexpected, type Frame } from './frame.ts'
import type { FrameStream } from './frame-stream.ts'
import { guestError } from './guest-error.ts'

/** Output kept while nobody reads it, in bytes; beyond that the process stops at its pipe. */
const READ_AHEAD = 131_072
/** Largest `stdin` frame. */
const STDIN_FRAME = 65_536

/** A process over its stream, from guestd's first answer on. */
export class GuestProcess implements MachineProcess {
  readonly pid: number
  /** Stages of the start in microseconds, as guestd measured them. */
  readonly timings: Readonly<Record<string, number>>
  readonly output: ReadableStream<OutputChunk>
  readonly stdin: WritableStream<Uint8Array>
  readonly exited: Promise<ExitStatus>
  readonly #stream: FrameStream
  #settleExit: (status: ExitStatus) => void = () => undefined
  /** Streams that have not ended; a terminal has the first alone. */
  readonly #open: Set<number>
  #outputDone = false
  #stdinController: WritableStreamDefaultController | undefined

  private constructor(
    stream: FrameStream,
    started: Readonly<Record<string, unknown>>,
    terminal: boolean,
    onInput: () => void,
  ) {
    this.#stream = stream
    this.#open = new Set(terminal ? [1] : [1, 2])
    this.pid = started['pid'] as number
    this.timings = (started['timings'] ?? {}) as Readonly<Record<string, number>>
    this.exited = new Promise((resolve) => {
      this.#settleExit = resolve
    })
    this.output = new ReadableStream<OutputChunk>(
      {
        pull: (controller) => this.#pull(controller),
        // Nobody wants the output, yet the process shall go on.
        cancel: () => {
          this.#outputDone = true
          void this.#readExit()
        },
      },
      { highWaterMark: READ_AHEAD, size: (chunk) => chunk.bytes.length },
    )
    this.stdin = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#stdinController = controller
      },
      write: async (bytes) => {
        onInput()
        for (let offset = 0; offset < bytes.length; offset += STDIN_FRAME) {
          await stream.write('stdin', bytes.subarray(offset, offset + STDIN_FRAME))
        }
      },
      close: () => stream.write('stdin-end'),
      abort: () => stream.write('stdin-end').catch(() => undefined),
    })
  }

  /**
   * Waits for guestd's answer to the `open` frame.
   * @param onInput called for each write to stdin
   * @throws EngineError what guestd refused
   */
  static async started(
    stream: FrameStream,
    terminal: boolean,
    onInput: () => void = () => undefined,
  ): Promise<GuestProcess> {
    const frame = await stream.read()
    if (!frame) throw new EngineError('unavailable', 'guestd closed the stream of a process')
    if (frame.kind === 'failed') throw guestError(parseJson(frame))
    if (frame.kind !== 'started') unexpected(frame)
    const started = parseJson(frame)
    if (typeof started['pid'] !== 'number') unexpected(frame)
    return new GuestProcess(stream, started, terminal, onInput)
  }

  /** Reads until there is a chunk for the reader or there will be none. */
  async #pull(controller: ReadableStreamDefaultController<OutputChunk>): Promise<void> {
    try {
      while (!this.#outputDone) {
        const frame = await this.#stream.read()
        if (!frame) throw new EngineError('unavailable', 'guestd closed the stream of a process')
        const chunk = this.#handle(frame)
        if (chunk) {
          // Cancelled meanwhile: the chunk has no reader.
          if (!this.#outputDone) controller.enqueue(chunk)
          return
        }
        if (this.#open.size === 0) {
          this.#outputDone = true
          controller.close()
          void this.#readExit()
        }
      }
    } catch (error) {
      this.#lost(error)
      if (!this.#outputDone) controller.error(error)
    }
  }

  /** What follows the output, or all of it when the reader left. */
  async #readExit(): Promise<void> {
    try {
      for (;;) {
        const frame = await this.#stream.read()
        if (!frame) throw new EngineError('unavailable', 'guestd closed the stream of a process')
        this.#handle(frame)
      }
    } catch (error) {
      this.#lost(error)
    }
  }

  #handle(frame: Frame): OutputChunk | undefined {
    if (frame.kind === 'stdout' || frame.kind === 'stderr') {
      return { stream: frame.kind, bytes: frame.payload }
    }
    if (frame.kind === 'output-end') {
      this.#open.delete(frame.payload[0] ?? 0)
    } else if (frame.kind === 'exited') {
      const { code, oomKilled } = parseJson(frame)
      if (typeof code !== 'number') unexpected(frame)
      this.#settleExit({ kind: 'exited', code, oomKilled: oomKilled === true })
    } else {
      unexpected(frame)
    }
    return undefined
  }

  /** The stream's end: nothing happens to a process that exited before. */
  #lost(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#settleExit({ kind: 'lost', reason })
    this.#stdinController?.error(new EngineError('conflict', 'The process has exited'))
    this.#stream.reset(error instanceof Error ? error : new Error(reason))
  }
}
