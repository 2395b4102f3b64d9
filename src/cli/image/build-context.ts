import { textOf } from '../../client/api-client.ts'
import { IgnorePatterns, readIgnoreFile } from '../../codec/dockerfile/ignore.ts'
import { CliFileError, type CliHost } from '../../ports/cli-host.ts'
import { ExitError, messageOf } from '../command.ts'
import { packContext, type Packed } from '../pack-files.ts'
import { pathFrom } from '../paths.ts'

export interface BuildContext {
  /** The Dockerfile's name within the context. */
  readonly dockerfile: string
  /** A tar archive; none when the engine fetches the context itself. */
  readonly body?: ReadableStream<Uint8Array>
  /** Bytes sent so far, of a directory. */
  readonly size?: () => number
  readonly remote?: string
}

const prepare = (message: string, cause?: unknown): ExitError =>
  new ExitError(1, `unable to prepare context: ${message}`, { cause })

/**
 * What `docker build` sends (docker/cli image/build.go and build/context.go).
 * @param given PATH, URL or `-`
 * @param file of `-f`; empty for the usual
 * @throws ExitError in Docker's words
 */
export async function buildContext(
  host: CliHost,
  given: string,
  file: string,
): Promise<BuildContext> {
  if (/^(https?:\/\/|git:\/\/|git@|github\.com\/)/.test(given)) {
    return { dockerfile: file === '' ? 'Dockerfile' : file, remote: given }
  }
  if (given === '-') {
    if (file === '-')
      throw new ExitError(
        1,
        "invalid argument: can't use stdin for both build context and dockerfile",
      )
    return fromStdin(host, file)
  }
  return fromDirectory(host, given, file)
}

async function fromDirectory(host: CliHost, given: string, file: string): Promise<BuildContext> {
  const directory = await realPath(host, pathFrom(host, given), given)
  const { kind } = await host.files.stat(directory)
  if (kind !== 'directory') throw prepare(`context must be a directory: ${directory}`)
  const extra: Record<string, Uint8Array> = {}
  let dockerfile = 'Dockerfile'
  if (file === '-') {
    dockerfile = ownName()
    extra[dockerfile] = new TextEncoder().encode(await textOf(host.stdin))
  } else {
    const path = file === '' ? `${directory}/Dockerfile` : pathFrom(host, file)
    await readable(host, path)
    const prefix = directory === '/' ? '/' : `${directory}/`
    if (path.startsWith(prefix)) dockerfile = path.slice(prefix.length)
    else {
      // From elsewhere: it comes along under a name of its own.
      dockerfile = ownName()
      extra[dockerfile] = new TextEncoder().encode(await textOf(host.files.read(path)))
    }
  }
  const packed = packContext(host.files, directory === '/' ? '' : directory, {
    ...(await ignored(host, directory, dockerfile)),
    extra,
  })
  return { dockerfile, body: packed.tar, size: packed.size }
}

const ownName = (): string => `.dockerfile.${crypto.randomUUID().replaceAll('-', '').slice(0, 20)}`

/** A link to a directory is followed, as its name is only the user's way to say it. */
async function realPath(host: CliHost, path: string, given: string): Promise<string> {
  let at = path
  for (let links = 0; links < 40; links++) {
    const stat = await host.files.stat(at).catch((error: unknown) => {
      if (error instanceof CliFileError && error.code === 'ENOENT') {
        throw prepare(`path ${JSON.stringify(given)} not found`, error)
      }
      throw prepare(messageOf(error), error)
    })
    if (stat.kind !== 'symlink' || stat.target === undefined) return at
    at = pathFrom({ cwd: at.replace(/\/[^/]*$/, '') || '/' }, stat.target)
  }
  throw prepare(`too many links in ${given}`)
}

async function readable(host: CliHost, path: string): Promise<void> {
  try {
    await host.files.stat(path)
  } catch (error) {
    throw prepare(`unable to evaluate symlinks in Dockerfile path: ${messageOf(error)}`, error)
  }
}

async function ignored(
  host: CliHost,
  directory: string,
  dockerfile: string,
): Promise<{ ignores: (path: string) => boolean; enters: (path: string) => boolean }> {
  let text = ''
  for (const name of [`${dockerfile}.dockerignore`, '.dockerignore']) {
    try {
      await host.files.stat(`${directory}/${name}`)
      text = await textOf(host.files.read(`${directory}/${name}`))
      break
    } catch (error) {
      if (!(error instanceof CliFileError) || error.code !== 'ENOENT') throw error
    }
  }
  // The engine reads these two itself, whatever the patterns say.
  const patterns = new IgnorePatterns([...readIgnoreFile(text), '!.dockerignore', `!${dockerfile}`])
  return {
    ignores: (path) => patterns.ignores(path),
    enters: (path) => patterns.mayHoldExceptions(path),
  }
}

/** A tar archive, packed or not, is the context; anything else is a Dockerfile without one. */
async function fromStdin(host: CliHost, file: string): Promise<BuildContext> {
  const reader = host.stdin.getReader()
  let head = new Uint8Array(0)
  while (head.length < 512) {
    const { done, value } = await reader.read()
    if (done) break
    head = Uint8Array.from([...head, ...value])
  }
  const rest = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(head),
      pull: async (controller) => {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
    },
    { highWaterMark: 0 },
  )
  if (isArchive(head)) return { dockerfile: file === '' ? 'Dockerfile' : file, body: rest }
  if (file !== '')
    throw new ExitError(
      1,
      'ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles',
    )
  const bytes = new TextEncoder().encode(await textOf(rest))
  const packed: Packed = packContext(host.files, undefined, {
    ignores: () => false,
    enters: () => false,
    extra: { Dockerfile: bytes },
  })
  return { dockerfile: 'Dockerfile', body: packed.tar, size: packed.size }
}

const starts = (bytes: Uint8Array, ...magic: readonly number[]): boolean =>
  magic.every((byte, at) => bytes[at] === byte)

/** gzip, bzip2, xz, zstd, or tar's own sign. */
const isArchive = (head: Uint8Array): boolean =>
  starts(head, 0x1f, 0x8b) ||
  starts(head, 0x42, 0x5a, 0x68) ||
  starts(head, 0xfd, 0x37, 0x7a) ||
  starts(head, 0x28, 0xb5, 0x2f, 0xfd) ||
  new TextDecoder('latin1').decode(head.subarray(257, 262)) === 'ustar'
