import { readIgnoreFile } from '../../codec/dockerfile/ignore.ts'
import { CliFileError, type CliFiles, type CliHost } from '../../ports/cli-host.ts'
import { ExitError, messageOf } from '../command.ts'
import { pathFrom } from '../paths.ts'

/** What a build is made of, found before anything is sent. */
export interface BuildInputs {
  /** Absolute; undefined: no context at all, only the Dockerfile. */
  readonly directory: string | undefined
  /** An archive that is the context, as it comes. */
  readonly archive?: ReadableStream<Uint8Array>
  /** As shown. */
  readonly dockerfileName: string
  /** Undefined when it is in the archive. */
  readonly dockerfile: string | undefined
  /** Path within the context; undefined when it lies elsewhere. */
  readonly dockerfilePath: string | undefined
  readonly ignore: readonly string[]
  /** They come from `Dockerfile.dockerignore`, in place of the context's own file. */
  readonly ownIgnore: boolean
}

const decoder = new TextDecoder()

async function readText(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  const pieces = new TextDecoder()
  for await (const bytes of stream) text += pieces.decode(bytes, { stream: true })
  return text + pieces.decode()
}

/**
 * @param path as given: a directory, `-` for stdin
 * @param file of `-f`; `-` for stdin
 * @throws ExitError with Docker's sentence
 */
export async function findInputs(
  host: CliHost,
  path: string,
  file: string | undefined,
): Promise<BuildInputs> {
  if (path === '-' && file === '-') {
    throw new ExitError(
      1,
      "invalid argument: can't use stdin for both build context and dockerfile",
    )
  }
  if (/^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(path)) {
    throw new ExitError(1, `Drydock can not fetch a remote build context: ${path}`)
  }
  if (path === '-') return fromStdin(host, file)
  const directory = await realPath(host, path)
  if (file === '-') {
    return withDockerfile(host, directory, await readText(host.stdin))
  }
  const absolute = file === undefined ? `${directory}/Dockerfile` : pathFrom(host, file)
  const dockerfile = await readText(host.files.read(absolute)).catch((error: unknown) => {
    const name = file ?? 'Dockerfile'
    throw new ExitError(
      1,
      error instanceof CliFileError && error.code === 'ENOENT'
        ? `failed to build: failed to solve: failed to read dockerfile: open ${name}: no such file or directory`
        : `failed to read dockerfile: ${messageOf(error)}`,
    )
  })
  const own = await ignoreOf(host.files, `${absolute}.dockerignore`)
  const inside = absolute.startsWith(`${directory === '/' ? '' : directory}/`)
  return {
    directory,
    dockerfileName: absolute.split('/').at(-1) ?? 'Dockerfile',
    dockerfile,
    dockerfilePath: inside
      ? absolute.slice(directory === '/' ? 1 : directory.length + 1)
      : undefined,
    ignore: own ?? (await ignoreOf(host.files, `${directory}/.dockerignore`)) ?? [],
    ownIgnore: own !== undefined,
  }
}

/** @param path a directory @throws ExitError with Docker's sentence */
export const inlineInputs = async (
  host: CliHost,
  path: string,
  dockerfile: string,
): Promise<BuildInputs> => withDockerfile(host, await realPath(host, path), dockerfile)

const withDockerfile = async (
  host: CliHost,
  directory: string,
  dockerfile: string,
): Promise<BuildInputs> => ({
  directory,
  dockerfileName: 'Dockerfile',
  dockerfile,
  dockerfilePath: undefined,
  ignore: (await ignoreOf(host.files, `${directory}/.dockerignore`)) ?? [],
  ownIgnore: false,
})

/** A link to a directory is followed: its name is only the user's way to say it. */
async function realPath(host: CliHost, given: string): Promise<string> {
  const prepare = (message: string, cause?: unknown): ExitError =>
    new ExitError(1, `unable to prepare context: ${message}`, { cause })
  let at = pathFrom(host, given)
  for (let links = 0; links < 40; links++) {
    const stat = await host.files.stat(at).catch((error: unknown) => {
      const missing = error instanceof CliFileError && error.code === 'ENOENT'
      throw prepare(missing ? `path ${JSON.stringify(given)} not found` : messageOf(error), error)
    })
    if (stat.kind === 'directory') return at
    if (stat.kind !== 'symlink' || stat.target === undefined) {
      throw prepare(`context must be a directory: ${at}`)
    }
    at = pathFrom({ cwd: at.replace(/\/[^/]*$/, '') || '/' }, stat.target)
  }
  throw prepare(`too many links in ${given}`)
}

/** Stdin holds an archive, or a Dockerfile alone. */
async function fromStdin(host: CliHost, file: string | undefined): Promise<BuildInputs> {
  const reader = host.stdin.getReader()
  const first: Uint8Array[] = []
  let length = 0
  while (length < 512) {
    const { done, value } = await reader.read()
    if (done) break
    first.push(value)
    length += value.length
  }
  const head = new Uint8Array(length)
  let at = 0
  for (const bytes of first) {
    head.set(bytes, at)
    at += bytes.length
  }
  const whole = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(head),
      pull: async (controller) => {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  const isArchive =
    (head[0] === 0x1f && head[1] === 0x8b) || decoder.decode(head.subarray(257, 262)) === 'ustar'
  if (isArchive) {
    const dockerfilePath = file ?? 'Dockerfile'
    return {
      directory: undefined,
      archive: whole,
      dockerfileName: dockerfilePath,
      dockerfile: undefined,
      dockerfilePath,
      ignore: [],
      ownIgnore: false,
    }
  }
  return {
    directory: undefined,
    dockerfileName: 'Dockerfile',
    dockerfile: await readText(whole),
    dockerfilePath: undefined,
    ignore: [],
    ownIgnore: false,
  }
}

/** Undefined when there is no such file. */
export async function ignoreOf(
  files: CliFiles,
  path: string,
): Promise<readonly string[] | undefined> {
  try {
    return readIgnoreFile(await readText(files.read(path)))
  } catch (error) {
    if (error instanceof CliFileError && error.code === 'ENOENT') return undefined
    throw error
  }
}
