import { TarWriter, type TarMember } from '../../codec/tar/write.ts'
import type { ContextListing } from '../../core/context-listing.ts'
import type { CliFiles, FileStat } from '../../ports/cli-host.ts'
import { ExitError } from '../command.ts'
import { ignoreOf, type BuildInputs } from './inputs.ts'
import { walkContext, type ContextFile } from './walk.ts'

/** A named context's directory, and secrets: what only Drydock's engine takes. */
export interface BundleParts {
  readonly contexts: ReadonlyMap<string, string>
  readonly secrets: ReadonlyMap<string, Uint8Array>
}

/** Below these, all is sent at once: asking takes longer. */
const FILES_MIN = 100
const BYTES_MIN = 1024 * 1024
/** A listing of more would be too long a question. */
const FILES_MAX = 100_000

/** A build's files, ready to be sent. */
export class BuildContext {
  /** Path of the Dockerfile in what is sent. */
  readonly dockerfile: string
  readonly #files: CliFiles
  readonly #inputs: BuildInputs
  readonly #parts: BundleParts
  readonly #listed: readonly ContextFile[]
  #missing: ReadonlySet<number> | undefined
  #listing: string | undefined
  #size = 0

  private constructor(
    files: CliFiles,
    inputs: BuildInputs,
    parts: BundleParts,
    listed: readonly ContextFile[],
  ) {
    this.#files = files
    this.#inputs = inputs
    this.#parts = parts
    this.#listed = listed
    this.dockerfile =
      inputs.dockerfilePath ??
      (inputs.archive
        ? 'Dockerfile'
        : `.dockerfile.${crypto.randomUUID().replaceAll('-', '').slice(0, 20)}`)
  }

  static async open(
    files: CliFiles,
    inputs: BuildInputs,
    parts: BundleParts,
  ): Promise<BuildContext> {
    const { directory, ignore, dockerfilePath } = inputs
    const listed =
      directory === undefined
        ? []
        : await walkContext(files, directory, {
            ignore,
            // The engine needs Dockerfile and patterns even where they are ignored; it leaves them out of the context then.
            always: new Set([
              '.dockerignore',
              ...(dockerfilePath === undefined ? [] : [dockerfilePath]),
            ]),
            skip: new Set(),
          })
    return new BuildContext(files, inputs, parts, listed)
  }

  /** Whether it is sent as parts, which only Drydock's engine understands. */
  get bundle(): boolean {
    const { contexts, secrets } = this.#parts
    return this.#listing !== undefined || contexts.size > 0 || secrets.size > 0
  }

  /** The engine's name for the listing that it was asked about. */
  get listing(): string | undefined {
    return this.#listing
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size
  }

  /** What to ask an engine about; undefined when all is better sent at once. */
  question(): ContextListing | undefined {
    const { directory } = this.#inputs
    const bytes = this.#listed.reduce((sum, { stat }) => sum + stat.size, 0)
    const count = this.#listed.length
    if (directory === undefined || (count < FILES_MIN && bytes < BYTES_MIN) || count > FILES_MAX) {
      return undefined
    }
    return {
      key: directory,
      entries: this.#listed.map(({ path, stat: { kind, mode, size, mtime, target } }) =>
        target === undefined
          ? [path, kind, mode, kind === 'file' ? size : 0, mtime]
          : [path, kind, mode, 0, mtime, target],
      ),
    }
  }

  /** From now on only what is missing is sent. */
  accept({ id, missing }: { readonly id: string; readonly missing: readonly number[] }): void {
    this.#listing = id
    this.#missing = new Set(missing)
  }

  /** What to send. */
  tar(): ReadableStream<Uint8Array> {
    if (this.#inputs.archive) return this.#inputs.archive
    const pieces = gathered(this.#members())
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await pieces.next()
          if (done === true) {
            controller.close()
            return
          }
          this.#size += value.length
          controller.enqueue(value)
        },
        cancel: async () => void (await pieces.return(undefined)),
      },
      { highWaterMark: 0 },
    )
  }

  async *#members(): AsyncGenerator<Uint8Array> {
    const { dockerfile: text = '', dockerfilePath, ignore, ownIgnore } = this.#inputs
    const { contexts, secrets } = this.#parts
    const { bundle } = this
    const writer = new TarWriter()
    const bytes = new TextEncoder().encode(text)
    if (bundle) {
      yield writer.header(directoryMember('context'))
      yield* file(writer, 'Dockerfile', bytes)
    }
    // What to leave out must be told: a Dockerfile that comes along, patterns that stand in for the context's own.
    const along = dockerfilePath === undefined
    const replaced = along || ownIgnore
    const skip = replaced ? '.dockerignore' : undefined
    for (const [index, listed] of this.#listed.entries()) {
      if (this.#missing ? !this.#missing.has(index) : listed.path === skip) continue
      yield* this.#member(writer, listed, bundle ? 'context/' : '')
    }
    if (along && !bundle) yield* file(writer, this.dockerfile, bytes)
    if (replaced) {
      const lines = [...ignore, ...(along ? [this.dockerfile, '.dockerignore'] : [])]
      const patterns = lines.map((line) => `${line}\n`).join('')
      yield* file(
        writer,
        bundle ? 'dockerignore' : '.dockerignore',
        new TextEncoder().encode(patterns),
      )
    }
    if (contexts.size > 0) yield writer.header(directoryMember('contexts'))
    for (const [name, directory] of contexts) {
      const stat = await this.#files.stat(directory)
      if (stat.kind === 'file') {
        // An archive: the engine unpacks it.
        const from = {
          from: directory,
          path: `contexts/${name}`,
          stat: { ...stat, kind: stat.kind },
        }
        yield* this.#member(writer, from, '')
        continue
      }
      yield writer.header(directoryMember(`contexts/${name}`))
      const own = await walkContext(this.#files, directory, {
        ignore: (await ignoreOf(this.#files, `${directory}/.dockerignore`)) ?? [],
        always: new Set(),
        skip: new Set(),
      })
      for (const listed of own) yield* this.#member(writer, listed, `contexts/${name}/`)
    }
    if (secrets.size > 0) yield writer.header(directoryMember('secrets'))
    for (const [name, content] of secrets) yield* file(writer, `secrets/${name}`, content)
    yield writer.end()
  }

  async *#member(
    writer: TarWriter,
    { from, path, stat }: ContextFile,
    prefix: string,
  ): AsyncGenerator<Uint8Array> {
    yield writer.header(memberOf(`${prefix}${path}`, stat))
    if (stat.kind !== 'file') return
    yield* content(this.#files, from, stat.size)
    yield writer.padding(stat.size)
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
