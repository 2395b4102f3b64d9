import type { Duplex } from '../../core/duplex.ts'
import { EngineError } from '../../core/error.ts'
import type { Invocation } from '../../core/stub-protocol.ts'
import type { CliHost, CliOutput, CliSignal, TerminalSize } from '../../ports/cli-host.ts'
import { StubFiles } from './stub-files.ts'
import {
  broken,
  encodeStubFrame,
  isObject,
  objectOf,
  stubFrames,
  type StubFrame,
  type StubFrameKind,
} from './stub-frames.ts'

/** A CLI's host whose files can do more than a CLI needs. */
export interface StubCliHost extends CliHost {
  readonly files: StubFiles
}

/** Runs the command; `argv` comes without the program's name. Gives the exit code. */
export type RunCommand = (host: StubCliHost, argv: readonly string[]) => Promise<number>

/** Bytes asked of stdin at once. */
const PULL = 64 * 1024
/** How long a stub may take to close after its exit code, in milliseconds. */
const CLOSE_MS = 5000
/** Largest piece of output in a frame, in bytes. */
const PIECE = 64 * 1024

const signals: Readonly<Record<number, CliSignal>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  10: 'SIGUSR1',
  12: 'SIGUSR2',
  15: 'SIGTERM',
  18: 'SIGCONT',
}

/**
 * Serve one `docker` of the guest's shell: its descriptors, files and signals become the host of a command
 * (stub-protocol.ts). Resolves when the command has ended or the stub is gone; never rejects.
 */
export async function serveStub(connection: Duplex, run: RunCommand): Promise<void> {
  const session = new StubSession(connection)
  const frames = stubFrames(connection.readable)
  try {
    const first = await frames.next()
    if (first.done === true) return
    const invocation = invocationOf(first.value)
    const host = session.host(invocation)
    const reading = session.read(frames)
    const code = await run(host, invocation.argv).catch(async (error: unknown) => {
      const text = error instanceof Error ? error.message : String(error)
      await host.stderr.write(new TextEncoder().encode(`docker: ${text}\n`)).catch(ignore)
      return 125
    })
    await session.exit(code)
    // The stub closes when it has taken the code.
    await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, CLOSE_MS))])
  } catch (error) {
    session.end(error)
  } finally {
    session.end(new EngineError('unavailable', 'the command has ended'))
    await frames.return(undefined).catch(ignore)
    await connection.readable.cancel().catch(ignore)
  }
}

const ignore = (): void => undefined

class StubSession {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #files: StubFiles
  readonly #signalListeners = new Set<(signal: CliSignal) => void>()
  readonly #resizeListeners = new Set<() => void>()
  readonly #gone = new AbortController()
  #size: TerminalSize = { cols: 0, rows: 0 }
  #stdin:
    | { resolve(bytes: Uint8Array | undefined): void; reject(reason: unknown): void }
    | undefined

  constructor({ writable }: Duplex) {
    this.#writer = writable.getWriter()
    this.#writer.closed.catch((reason: unknown) => this.end(reason))
    this.#files = new StubFiles((kind, ...parts) => this.#send(kind, ...parts))
  }

  host({ cwd, env, tty, size }: Invocation): StubCliHost {
    this.#size = size
    return {
      cwd,
      env: Object.fromEntries(
        env.flatMap((entry): [string, string][] => {
          const equals = entry.indexOf('=')
          return equals < 0 ? [] : [[entry.slice(0, equals), entry.slice(equals + 1)]]
        }),
      ),
      tty,
      size: () => this.#size,
      stdin: new ReadableStream<Uint8Array>(
        {
          pull: async (controller) => {
            const bytes = await this.#pull()
            if (bytes === undefined) controller.close()
            else controller.enqueue(bytes)
          },
        },
        { highWaterMark: 0 },
      ),
      stdout: this.#output('stdout'),
      stderr: this.#output('stderr'),
      setRawMode: (raw) => this.#send('raw-mode', Uint8Array.of(raw ? 1 : 0)),
      onSignal: (listener) => {
        this.#signalListeners.add(listener)
        return () => void this.#signalListeners.delete(listener)
      },
      onResize: (listener) => {
        this.#resizeListeners.add(listener)
        return () => void this.#resizeListeners.delete(listener)
      },
      files: this.#files,
      gone: this.#gone.signal,
    }
  }

  /** Takes what the stub sends until it is gone. */
  async read(frames: AsyncGenerator<StubFrame>): Promise<void> {
    try {
      for await (const frame of frames) await this.#take(frame)
      this.end(new EngineError('unavailable', 'the docker command was killed'))
    } catch (error) {
      this.end(error)
      await this.#writer.abort(error).catch(ignore)
    }
  }

  async #take(frame: StubFrame): Promise<void> {
    const { kind, payload } = frame
    switch (kind) {
      case 'stdin':
      case 'stdin-end': {
        const waiting = this.#stdin
        if (waiting === undefined) throw broken('stdin that nobody asked for')
        if (kind === 'stdin' && (payload.length === 0 || payload.length > PULL))
          throw broken('a wrong piece of stdin')
        this.#stdin = undefined
        waiting.resolve(kind === 'stdin' ? payload : undefined)
        return
      }
      case 'signal': {
        const signal = signals[payload[0] ?? 0]
        if (signal === undefined) throw broken(`the signal ${payload[0]}`)
        for (const listener of this.#signalListeners) listener(signal)
        return
      }
      case 'resize': {
        if (payload.length !== 4) throw broken('a size without numbers')
        const view = new DataView(payload.buffer, payload.byteOffset)
        this.#size = { cols: view.getUint16(0, true), rows: view.getUint16(2, true) }
        for (const listener of this.#resizeListeners) listener()
        return
      }
      case 'reply':
        this.#files.reply(objectOf(frame))
        return
      case 'file-data':
        await this.#files.data(payload)
        return
      case 'invoke':
      case 'stdout':
      case 'stderr':
      case 'pull':
      case 'raw-mode':
      case 'exit':
      case 'file':
      case 'file-content':
        throw broken(`an unexpected ${kind} frame`)
    }
  }

  async exit(code: number): Promise<void> {
    await this.#send('exit', Uint8Array.of(code & 0xff)).catch(ignore)
    await this.#writer.close().catch(ignore)
  }

  /** Whoever waits for the stub hears that it is gone. */
  end(reason: unknown): void {
    if (this.#gone.signal.aborted) return
    this.#gone.abort(reason)
    this.#stdin?.reject(reason)
    this.#stdin = undefined
    this.#files.end(reason)
  }

  #pull(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#gone.signal.aborted) {
        reject(this.#gone.signal.reason)
        return
      }
      this.#stdin = { resolve, reject }
      const size = new Uint8Array(4)
      new DataView(size.buffer).setUint32(0, PULL, true)
      this.#send('pull', size).catch(reject)
    })
  }

  #output(kind: 'stdout' | 'stderr'): CliOutput {
    return {
      write: async (bytes) => {
        for (let at = 0; at < bytes.length; at += PIECE)
          await this.#send(kind, bytes.subarray(at, at + PIECE))
      },
    }
  }

  /** Resolves when the transport has taken it. */
  async #send(kind: StubFrameKind, ...parts: readonly Uint8Array[]): Promise<void> {
    await this.#writer.write(encodeStubFrame(kind, ...parts))
  }
}

/** @throws EngineError for a first frame that is no invocation */
function invocationOf(frame: StubFrame): Invocation {
  if (frame.kind !== 'invoke') throw broken(`a ${frame.kind} frame first`)
  const { argv, cwd, env, tty, size } = objectOf(frame)
  const texts = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((item) => typeof item === 'string')
  const cells = (value: unknown): number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff
      ? value
      : 0
  if (!texts(argv) || !texts(env) || typeof cwd !== 'string')
    throw broken('an invocation without its parts')
  if (!Array.isArray(tty) || tty.length !== 3 || !isObject(size))
    throw broken('an invocation without its terminal')
  return {
    argv,
    cwd: cwd.startsWith('/') ? cwd : '/',
    env,
    tty: [tty[0] === true, tty[1] === true, tty[2] === true],
    size: { cols: cells(size['cols']), rows: cells(size['rows']) },
  }
}
