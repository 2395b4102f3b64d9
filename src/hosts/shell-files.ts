import { EngineError } from '../core/error.ts'
import type {
  BytesReader,
  BytesSource,
  FileVersion,
  GuestFile,
  GuestFiles,
} from '../link/guest-files.ts'
import { CliFileError, type FileStat } from '../ports/cli-host.ts'
import type { MachineProcesses } from '../ports/machine/processes.ts'
import { explained } from './file-trouble.ts'
import type { StubCliHost } from './guest-cli/serve-stub.ts'
import type { StubFiles } from './guest-cli/stub-files.ts'

/** The word that tells our helper's `docker` from a user's. */
const COMMAND = '__files'
/** A chain of links that is longer is a loop, as to the kernel (path_resolution(7)). */
const LINKS_MAX = 40
/** Of what is made: as umask 022 leaves it. */
const FILE_MODE = 0o644
const DIRECTORY_MODE = 0o755

/**
 * The shell's files by way of a process in the guest: one more `docker`, which knows how to work on files already. So they
 * change as if a program of the shell had changed them. It is started when it is needed.
 */
export class ShellFiles implements GuestFiles {
  readonly #processes: MachineProcesses
  readonly #expected = new Map<string, (host: StubCliHost) => void>()
  #helper: Promise<StubFiles> | undefined
  #count = 0

  constructor(processes: MachineProcesses) {
    this.#processes = processes
  }

  /** Takes the helper's connection, with the secret that it was started with; undefined for every other command. */
  serve(host: StubCliHost, [command, secret = '']: readonly string[]): Promise<number> | undefined {
    const arrive = command === COMMAND ? this.#expected.get(secret) : undefined
    if (!arrive) return undefined
    this.#expected.delete(secret)
    arrive(host)
    return new Promise((resolve) =>
      host.gone.addEventListener('abort', () => resolve(0), { once: true }),
    )
  }

  list(path: string): Promise<readonly GuestFile[]> {
    return this.#ask(path, async (files) => {
      const entries = await files.list(path)
      return Promise.all(
        entries.map(async ({ name, ...stat }) => found(files, join(path, name), stat)),
      )
    })
  }

  stat(path: string): Promise<GuestFile> {
    return this.#ask(path, async (files) => found(files, path, await files.stat(path)))
  }

  async read(path: string): Promise<BytesReader> {
    const bytes = await this.#ask(path, async (files) => files.read(path))
    const reader = bytes.getReader()
    return {
      next: () => this.#ask(path, async () => (await reader.read()).value),
      close: () => reader.cancel(),
    }
  }

  write(
    path: string,
    source: BytesSource,
    expected: FileVersion | 'nothing' | 'anything',
  ): Promise<FileVersion> {
    return this.#ask(path, async (files) => {
      const target = await realPath(files, path)
      await check(files, target, expected)
      // Beside it: a rename must stay in the filesystem.
      const draft = join(directoryOf(target), `.drydock-${crypto.randomUUID()}`)
      try {
        await files.write(draft, streamOf(source), { mode: FILE_MODE, exclusive: true })
        await check(files, target, expected)
        if (expected === 'nothing') await files.move(draft, target)
        else await files.replace(draft, target)
      } catch (error) {
        await files.remove(draft).catch(() => undefined)
        throw error
      }
      const { size, mtime } = await files.stat(target)
      return { size, mtime }
    })
  }

  makeDirectory(path: string): Promise<void> {
    return this.#ask(path, (files) => files.makeDirectory(path, DIRECTORY_MODE))
  }

  move(path: string, to: string): Promise<void> {
    return this.#ask(to, (files) => files.move(path, to))
  }

  remove(path: string): Promise<void> {
    return this.#ask(path, (files) => files.removeTree(path))
  }

  async #ask<T>(path: string, work: (files: StubFiles) => Promise<T>): Promise<T> {
    this.#helper ??= this.#start()
    try {
      return await work(await this.#helper)
    } catch (error) {
      throw explained(error, path)
    }
  }

  async #start(): Promise<StubFiles> {
    const secret = crypto.randomUUID()
    const arrival = new Promise<StubCliHost>((resolve) => this.#expected.set(secret, resolve))
    try {
      const child = await this.#processes.runOnHost({
        host: `files-${++this.#count}`,
        process: {
          terminal: false,
          user: { uid: 0, gid: 0 },
          args: ['/usr/bin/docker', COMMAND, secret],
          env: ['PATH=/usr/bin:/bin'],
          cwd: '/',
        },
      })
      void child.output.pipeTo(new WritableStream()).catch(() => undefined)
      const ended = child.exited.then((): never => {
        throw new EngineError(
          'unavailable',
          'The process that works on files could not be started.',
        )
      })
      const host = await Promise.race([arrival, ended])
      ended.catch(() => undefined)
      // It was killed, or the machine was lost: the next call starts another.
      host.gone.addEventListener('abort', () => (this.#helper = undefined), { once: true })
      if (host.gone.aborted) this.#helper = undefined
      return host.files
    } catch (error) {
      this.#helper = undefined
      throw error
    } finally {
      this.#expected.delete(secret)
    }
  }
}

const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'
const join = (directory: string, name: string): string =>
  directory.endsWith('/') ? directory + name : `${directory}/${name}`

async function found(files: StubFiles, path: string, stat: FileStat): Promise<GuestFile> {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const { target, mode, size, mtime } = stat
  if (stat.kind !== 'symlink') return { name, kind: stat.kind, mode, size, mtime }
  const link = target === undefined ? {} : { target }
  try {
    const end = await files.stat(await realPath(files, path))
    const kind = end.kind === 'symlink' ? 'dangling' : end.kind
    return { name, kind, mode: end.mode, size: end.size, mtime: end.mtime, ...link }
  } catch (error) {
    if (!(error instanceof CliFileError)) throw error
    return { name, kind: 'dangling', mode, size, mtime, ...link }
  }
}

/** Where a path leads; links on the way to its last part are left to the kernel. */
async function realPath(files: StubFiles, path: string): Promise<string> {
  let at = path
  for (let links = 0; links < LINKS_MAX; links++) {
    const stat = await files.stat(at).catch((error: unknown) => {
      if (error instanceof CliFileError && error.code === 'ENOENT') return undefined
      throw error
    })
    if (stat?.kind !== 'symlink' || stat.target === undefined) return at
    at = stat.target.startsWith('/') ? stat.target : join(directoryOf(at), stat.target)
  }
  throw new CliFileError('ELOOP', path)
}

async function check(
  files: StubFiles,
  path: string,
  expected: FileVersion | 'nothing' | 'anything',
): Promise<void> {
  if (expected === 'anything') return
  const stat = await files.stat(path).catch((error: unknown) => {
    if (error instanceof CliFileError && error.code === 'ENOENT') return undefined
    throw error
  })
  if (expected === 'nothing') {
    if (stat) throw new CliFileError('EEXIST', path)
    return
  }
  if (!stat) throw new EngineError('conflict', `${path} was removed meanwhile.`)
  if (stat.mtime !== expected.mtime || stat.size !== expected.size) {
    throw new EngineError('conflict', `${path} has changed on the disk meanwhile.`)
  }
}

const streamOf = (source: BytesSource): ReadableStream<Uint8Array> =>
  new ReadableStream(
    {
      pull: async (controller) => {
        const bytes = await source.next()
        if (bytes === undefined) controller.close()
        else controller.enqueue(bytes)
      },
    },
    { highWaterMark: 0 },
  )
