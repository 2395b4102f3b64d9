import { IgnorePatterns, readIgnoreFile } from '../../codec/dockerfile/ignore.ts'
import { TarWriter, type TarMember } from '../../codec/tar/write.ts'
import { CliFileError, type CliFiles, type CliHost, type FileStat } from '../../ports/cli-host.ts'
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
    const dockerfile = await readText(host.stdin)
    return {
      directory,
      dockerfileName: 'Dockerfile',
      dockerfile,
      dockerfilePath: undefined,
      ignore: (await ignoreOf(host.files, `${directory}/.dockerignore`)) ?? [],
      ownIgnore: false,
    }
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
async function ignoreOf(files: CliFiles, path: string): Promise<readonly string[] | undefined> {
  try {
    return readIgnoreFile(await readText(files.read(path)))
  } catch (error) {
    if (error instanceof CliFileError && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** A named context's directory, and secrets: what only Drydock's engine takes. */
export interface BundleParts {
  readonly contexts: ReadonlyMap<string, string>
  readonly secrets: ReadonlyMap<string, Uint8Array>
}

export interface PackedContext {
  readonly tar: ReadableStream<Uint8Array>
  /** Path of the Dockerfile in it. */
  readonly dockerfile: string
  readonly bundle: boolean
  /** Bytes so far. */
  size(): number
}

/** The tar to send. */
export function packContext(
  files: CliFiles,
  inputs: BuildInputs,
  { contexts, secrets }: BundleParts,
): PackedContext {
  const { archive, dockerfilePath } = inputs
  let size = 0
  if (archive) {
    return {
      tar: archive,
      dockerfile: dockerfilePath ?? 'Dockerfile',
      bundle: false,
      size: () => size,
    }
  }
  const bundle = contexts.size > 0 || secrets.size > 0
  const dockerfile =
    dockerfilePath ?? `.dockerfile.${crypto.randomUUID().replaceAll('-', '').slice(0, 20)}`
  const pieces = gathered(members(files, inputs, { contexts, secrets }, { bundle, dockerfile }))
  const tar = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await pieces.next()
        if (done === true) {
          controller.close()
          return
        }
        size += value.length
        controller.enqueue(value)
      },
      cancel: async () => void (await pieces.return(undefined)),
    },
    { highWaterMark: 0 },
  )
  return { tar, dockerfile, bundle, size: () => size }
}

async function* members(
  files: CliFiles,
  { directory, dockerfile: text, dockerfilePath, ignore, ownIgnore }: BuildInputs,
  { contexts, secrets }: BundleParts,
  { bundle, dockerfile }: { readonly bundle: boolean; readonly dockerfile: string },
): AsyncGenerator<Uint8Array> {
  const writer = new TarWriter()
  const bytes = new TextEncoder().encode(text ?? '')
  const patterns = patternsOf(ignore)
  const prefix = bundle ? 'context' : ''
  if (bundle) {
    yield writer.header(directoryMember('context'))
    yield* file(writer, 'Dockerfile', bytes)
  }
  // The engine must know what to leave out: a Dockerfile that comes along, patterns that stand in for the context's own.
  const along = !bundle && dockerfilePath === undefined
  const replaced = !bundle && (along || ownIgnore)
  if (directory !== undefined) {
    // It needs Dockerfile and patterns even where they are ignored.
    const always = new Set(bundle ? [] : ['.dockerignore', dockerfilePath ?? ''])
    const skip = new Set(replaced ? ['.dockerignore'] : [])
    yield* tree(writer, files, { directory, prefix, patterns, always, skip })
  }
  if (along) yield* file(writer, dockerfile, bytes)
  if (replaced) {
    const lines = [...ignore, ...(along ? [dockerfile, '.dockerignore'] : [])]
    yield* file(
      writer,
      '.dockerignore',
      new TextEncoder().encode(lines.map((line) => `${line}\n`).join('')),
    )
  }
  if (contexts.size > 0) yield writer.header(directoryMember('contexts'))
  for (const [name, path] of contexts) {
    yield writer.header(directoryMember(`contexts/${name}`))
    yield* tree(writer, files, {
      directory: path,
      prefix: `contexts/${name}`,
      patterns: patternsOf((await ignoreOf(files, `${path}/.dockerignore`)) ?? []),
      always: new Set(),
      skip: new Set(),
    })
  }
  if (secrets.size > 0) yield writer.header(directoryMember('secrets'))
  for (const [name, content] of secrets) yield* file(writer, `secrets/${name}`, content)
  yield writer.end()
}

function patternsOf(lines: readonly string[]): IgnorePatterns {
  try {
    return new IgnorePatterns(lines)
  } catch (error) {
    throw new ExitError(1, `failed to parse .dockerignore: ${messageOf(error)}`, { cause: error })
  }
}

const directoryMember = (path: string): TarMember => ({
  path,
  kind: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  size: 0,
})

function* file(writer: TarWriter, path: string, bytes: Uint8Array): Generator<Uint8Array> {
  yield writer.header({
    path,
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    size: bytes.length,
  })
  yield bytes
  yield writer.padding(bytes.length)
}

interface TreeOptions {
  readonly directory: string
  /** Where it goes in the archive. */
  readonly prefix: string
  readonly patterns: IgnorePatterns
  /** Paths that are sent even where they are ignored. */
  readonly always: ReadonlySet<string>
  readonly skip: ReadonlySet<string>
}

async function* tree(
  writer: TarWriter,
  files: CliFiles,
  { directory, prefix, patterns, always, skip }: TreeOptions,
): AsyncGenerator<Uint8Array> {
  async function* walk(path: string, relative: string): AsyncGenerator<Uint8Array> {
    for (const entry of await files.list(path)) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (skip.has(name)) continue
      const from = path === '/' ? `/${entry.name}` : `${path}/${entry.name}`
      const ignored = patterns.ignores(name) && !always.has(name)
      if (entry.kind === 'directory') {
        const leads = [...always].some((wanted) => wanted.startsWith(`${name}/`))
        if (ignored && !leads && !patterns.mayHoldExceptions(name)) continue
        if (!ignored || leads) yield writer.header(memberOf(at(name), entry))
        yield* walk(from, name)
        continue
      }
      if (ignored || entry.kind === 'other') continue
      yield writer.header(memberOf(at(name), entry))
      if (entry.kind === 'file') {
        yield* content(files, from, entry.size)
        yield writer.padding(entry.size)
      }
    }
  }
  const at = (name: string): string => (prefix === '' ? name : `${prefix}/${name}`)
  yield* walk(directory, '')
}

const memberOf = (path: string, { kind, mode, size, mtime, target }: FileStat): TarMember => ({
  path,
  kind: kind === 'other' ? 'file' : kind,
  mode,
  uid: 0,
  gid: 0,
  mtime,
  size: kind === 'file' ? size : 0,
  ...(target !== undefined && { target }),
})

/** @throws ExitError when the file changes while it is read */
async function* content(files: CliFiles, path: string, size: number): AsyncGenerator<Uint8Array> {
  if (size === 0) return
  let left = size
  for await (const bytes of files.read(path)) {
    if (bytes.length > left) throw changed(path)
    left -= bytes.length
    yield bytes
  }
  if (left > 0) throw changed(path)
}

const changed = (path: string): ExitError =>
  new ExitError(1, `failed to build: ${path} changed while it was read`)

const PIECE = 256 * 1024

async function* gathered(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  let buffer = new Uint8Array(PIECE)
  let used = 0
  for await (const piece of pieces) {
    if (used + piece.length > PIECE && used > 0) {
      yield buffer.subarray(0, used)
      buffer = new Uint8Array(PIECE)
      used = 0
    }
    if (piece.length > PIECE) yield piece
    else {
      buffer.set(piece, used)
      used += piece.length
    }
  }
  if (used > 0) yield buffer.subarray(0, used)
  return undefined
}
