import type { ExitStatus } from '../../src/core/guest-protocol.ts'
import type { RuntimeProcess } from '../../src/core/runtime-spec.ts'
import type { MachineProcess, OutputChunk } from '../../src/ports/machine/processes.ts'
import type { ScriptedFiles } from './scripted-files.ts'

/** What a scripted program may do. */
interface ProgramIo {
  readonly process: RuntimeProcess
  readonly args: readonly string[]
  readonly stdin: ReadableStreamDefaultReader<Uint8Array>
  /** Resolved when the reader has room. */
  readonly out: (text: string) => Promise<void>
  readonly err: (text: string) => Promise<void>
  /** The next signal that doesn't kill at once. */
  readonly caught: () => Promise<number>
  /** Aborted when the process has been killed. */
  readonly killed: AbortSignal
  /** Of its container. */
  readonly files: ScriptedFiles
}

export type Program = (io: ProgramIo) => Promise<number | void>

export const SIGKILL = 9
const SIGTERM = 15

const forever = (signal: AbortSignal, milliseconds?: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })

const text = new TextDecoder()

/** Programs of every image. `sh` knows `-c 'exit N'` alone. */
export const standardPrograms: Readonly<Record<string, Program>> = {
  echo: ({ args, out }) => out(`${args.slice(1).join(' ')}\n`).then(() => 0),
  both: async ({ out, err }) => {
    await out('out\n')
    await err('err\n')
  },
  true: () => Promise.resolve(0),
  sh: ({ args }) => Promise.resolve(Number(/exit (\d+)/.exec(args[2] ?? '')?.[1] ?? 0)),
  sleep: ({ args, killed }) => forever(killed, Number(args[1]) * 1000),
  /** Takes every signal but SIGKILL, prints it, and ends at SIGTERM with 7. */
  trap: async ({ out, caught, killed }) => {
    await out('ready\n')
    while (!killed.aborted) {
      const signal = await caught()
      await out(`got ${signal}\n`)
      if (signal === SIGTERM) return 7
    }
    return 0
  },
  cat: async ({ stdin, out }) => {
    for (;;) {
      const { done, value } = await stdin.read()
      if (done) return 0
      await out(text.decode(value))
    }
  },
  /** Writes lines without end. */
  yes: async ({ out, killed }) => {
    for (let line = 0; !killed.aborted; line++) {
      await out(`${line} ${'y'.repeat(1000)}\n`)
      // Others want to run as well.
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
  },
  env: ({ process, out }) => out(`${(process.env ?? []).join('\n')}\n`).then(() => 0),
  id: ({ process, out }) => out(`${JSON.stringify(process.user)}\n`).then(() => 0),
}

export class ScriptedProcess implements MachineProcess {
  readonly pid: number
  readonly output: ReadableStream<OutputChunk>
  readonly stdin: WritableStream<Uint8Array>
  readonly exited: Promise<ExitStatus>
  readonly sizes: { readonly cols: number; readonly rows: number }[] = []
  readonly #killed = new AbortController()
  readonly #output = new TransformStream<OutputChunk, OutputChunk>(undefined, {
    highWaterMark: 4,
  })
  readonly #writer = this.#output.writable.getWriter()
  readonly #catches: boolean
  #signals: number[] = []
  #wake: (() => void) | undefined
  #exit: (status: ExitStatus) => void = () => undefined
  ended = false

  constructor(
    pid: number,
    process: RuntimeProcess,
    program: Program,
    catches: boolean,
    files: ScriptedFiles,
  ) {
    this.pid = pid
    this.#catches = catches
    this.output = this.#output.readable
    const input = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 4 })
    this.stdin = input.writable
    this.exited = new Promise((resolve) => {
      this.#exit = resolve
    })
    this.#writer.closed.catch(() => undefined)
    const write = (stream: 'stdout' | 'stderr', text: string): Promise<void> =>
      this.#writer.write({ stream, bytes: new TextEncoder().encode(text) }).catch(() => undefined)
    program({
      process,
      args: process.args,
      stdin: input.readable.getReader(),
      out: (text) => write('stdout', text),
      err: (text) => write(process.terminal ? 'stdout' : 'stderr', text),
      caught: () => this.#caught(),
      killed: this.#killed.signal,
      files,
    }).then(
      (code) => this.end({ kind: 'exited', code: code ?? 0, oomKilled: false }),
      () => this.end({ kind: 'exited', code: 1, oomKilled: false }),
    )
  }

  async #caught(): Promise<number> {
    for (;;) {
      const signal = this.#signals.shift()
      if (signal !== undefined) return signal
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      if (this.#killed.signal.aborted) return SIGKILL
    }
  }

  signal(signal: number): void {
    if (signal === SIGKILL || !this.#catches) {
      this.end({ kind: 'exited', code: 128 + signal, oomKilled: false })
    } else this.#signals.push(signal)
    this.#wake?.()
  }

  end(status: ExitStatus): void {
    if (this.ended) return
    this.ended = true
    this.#killed.abort()
    this.#wake?.()
    this.#exit(status)
    this.#writer.close().catch(() => undefined)
  }
}
