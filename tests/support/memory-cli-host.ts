import { dockerClient } from '../../src/client/client.ts'
import { runCli } from '../../src/cli/run-cli.ts'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import {
  CliFileError,
  type CliFiles,
  type CliHost,
  type CliSignal,
  type FileEntry,
  type FileStat,
} from '../../src/ports/cli-host.ts'

export interface MemoryHostOptions {
  /** What is typed or piped; stdin stays open without it when there is a terminal. */
  readonly stdin?: string
  readonly tty?: readonly [boolean, boolean, boolean]
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
}

/** A user in memory: types, sends signals, has a few files. */
export class MemoryCliHost implements CliHost {
  readonly cwd = '/work'
  readonly env: Readonly<Record<string, string>>
  readonly tty: readonly [boolean, boolean, boolean]
  readonly stdin: ReadableStream<Uint8Array>
  readonly stdout = { write: (bytes: Uint8Array): Promise<void> => this.#take('out', bytes) }
  readonly stderr = { write: (bytes: Uint8Array): Promise<void> => this.#take('err', bytes) }
  readonly files: CliFiles
  readonly gone: AbortSignal
  readonly modes: boolean[] = []
  /** How often stdin was asked for. */
  pulls = 0
  out = ''
  err = ''
  readonly written = new Map<string, string>()
  readonly #gone = new AbortController()
  readonly #typed: Uint8Array[] = []
  #ended: boolean
  #size = { cols: 80, rows: 24 }
  #wake: (() => void) | undefined
  readonly #signals = new Set<(signal: CliSignal) => void>()
  readonly #resizes = new Set<() => void>()
  readonly #watchers = new Set<() => void>()

  constructor({
    stdin,
    tty = [false, false, false],
    env = {},
    files = {},
  }: MemoryHostOptions = {}) {
    this.env = env
    this.tty = tty
    this.gone = this.#gone.signal
    if (stdin !== undefined && stdin !== '') this.#typed.push(new TextEncoder().encode(stdin))
    this.#ended = !tty[0]
    for (const [path, text] of Object.entries(files)) this.written.set(path, text)
    this.stdin = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          this.pulls++
          while (this.#typed.length === 0 && !this.#ended)
            await new Promise<void>((resolve) => (this.#wake = resolve))
          const bytes = this.#typed.shift()
          if (bytes) controller.enqueue(bytes)
          else controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    this.files = memoryFiles(this.written)
  }

  type(text: string): void {
    this.#typed.push(new TextEncoder().encode(text))
    this.#wake?.()
  }

  /** Ctrl-D. */
  endInput(): void {
    this.#ended = true
    this.#wake?.()
  }

  signal(signal: CliSignal): void {
    for (const listener of this.#signals) listener(signal)
  }

  resize(cols: number, rows: number): void {
    this.#size = { cols, rows }
    for (const listener of this.#resizes) listener()
  }

  vanish(): void {
    this.#gone.abort(new Error('gone'))
  }

  /** Resolves when the output has the text. */
  async until(text: string): Promise<void> {
    while (!(this.out + this.err).includes(text)) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve))
    }
  }

  size(): { cols: number; rows: number } {
    return this.#size
  }

  setRawMode(raw: boolean): Promise<void> {
    this.modes.push(raw)
    return Promise.resolve()
  }

  onSignal(listener: (signal: CliSignal) => void): () => void {
    this.#signals.add(listener)
    return () => void this.#signals.delete(listener)
  }

  onResize(listener: () => void): () => void {
    this.#resizes.add(listener)
    return () => void this.#resizes.delete(listener)
  }

  #take(stream: 'out' | 'err', bytes: Uint8Array): Promise<void> {
    this[stream] += new TextDecoder().decode(bytes)
    for (const wake of this.#watchers) wake()
    this.#watchers.clear()
    return Promise.resolve()
  }
}

function memoryFiles(contents: Map<string, string>): CliFiles {
  const missing = (action: string, path: string): CliFileError =>
    new CliFileError('ENOENT', `${action} ${path}: no such file or directory`)
  const files: CliFiles = {
    read: (path) => {
      const text = contents.get(path)
      if (text !== undefined) return new Blob([text]).stream()
      return new ReadableStream({ start: (controller) => controller.error(missing('open', path)) })
    },
    write: async (path, content) => {
      contents.set(path, await new Response(content).text())
    },
    stat: (path): Promise<FileStat> => {
      const text = contents.get(path)
      if (text === undefined) {
        const parent = [...contents.keys()].some((name) => name.startsWith(`${path}/`))
        if (!parent) return Promise.reject(missing('lstat', path))
        return Promise.resolve({
          kind: 'directory',
          mode: 0o755,
          uid: 1,
          gid: 1,
          size: 0,
          mtime: 0,
        })
      }
      return Promise.resolve({
        kind: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: text.length,
        mtime: 0,
      })
    },
    list: async (path) => {
      const names = [...contents.keys()]
        .filter((name) => name.startsWith(`${path}/`))
        .map((name) => name.slice(path.length + 1).split('/')[0] ?? '')
      const entries = [...new Set(names)].sort().map(async (name): Promise<FileEntry> => ({
        name,
        ...(await files.stat(`${path}/${name}`)),
      }))
      return Promise.all(entries)
    },
    makeDirectory: () => Promise.resolve(),
    makeLink: () => Promise.resolve(),
    makeHardLink: () => Promise.resolve(),
    setAttributes: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  }
  return files
}

export interface CliResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** One command to its end. */
export async function docker(
  handler: EngineHandler,
  argv: readonly string[],
  options: MemoryHostOptions = {},
): Promise<CliResult> {
  const host = new MemoryCliHost(options)
  const code = await runCli(argv, host, dockerClient(handler))
  return { code, out: host.out, err: host.err }
}
