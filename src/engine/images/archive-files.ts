import { readTar } from '../../codec/tar/read.ts'
import { isDigest, type Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { LayerEntry } from '../../core/layer.ts'
import type { BlobReader, BlobStore } from '../../ports/blob-store.ts'
import { decompressed } from '../../codec/decompress.ts'

/** Largest JSON file in an archive, in bytes. */
const JSON_MAX = 8 * 1024 * 1024
const SLICE = 1024 * 1024
/** Links followed before it is called a loop, as in Linux. */
const LINKS_MAX = 40

export interface ArchiveFile {
  readonly digest: Digest
  readonly size: number
}

/**
 * The files of an archive of images, put into the blob store as they come: which of them are layers, is told at the end.
 * Whoever reads it says what may go.
 */
export class ArchiveFiles {
  readonly #blobs: BlobStore
  readonly #files = new Map<string, ArchiveFile>()
  readonly #links = new Map<string, string>()

  private constructor(blobs: BlobStore) {
    this.#blobs = blobs
  }

  /** @throws EngineError `invalid-parameter` when it is no archive; what came is put away by `keep` */
  static async read(
    blobs: BlobStore,
    archive: ReadableStream<Uint8Array>,
    keep: (digest: Digest) => boolean,
    signal: AbortSignal,
  ): Promise<ArchiveFiles> {
    const files = new ArchiveFiles(blobs)
    try {
      await files.#read(await decompressed(archive), signal)
    } catch (error) {
      await files.discard(keep)
      signal.throwIfAborted()
      throw error
    }
    return files
  }

  async #read(archive: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void> {
    let current: Upload | undefined
    const onContent = async (_: LayerEntry, bytes: Uint8Array): Promise<void> => {
      signal.throwIfAborted()
      current ??= new Upload(this.#blobs, signal)
      await current.push(bytes)
    }
    try {
      for await (const entry of readTar(archive, onContent)) {
        if (entry.kind === 'symlink') {
          this.#links.set(entry.path, resolve(entry.path, entry.target ?? ''))
        } else if (entry.kind === 'hardlink') this.#links.set(entry.path, entry.target ?? '')
        else if (entry.kind === 'file') {
          current ??= new Upload(this.#blobs, signal)
          this.#files.set(entry.path, await current.end())
          current = undefined
        }
      }
    } finally {
      await current?.abort()
    }
  }

  get(path: string): ArchiveFile | undefined {
    let at = path.replace(/^\.?\//, '')
    for (let count = 0; count < LINKS_MAX; count++) {
      const target = this.#links.get(at)
      if (target === undefined) return this.#files.get(at)
      at = target
    }
    return undefined
  }

  /** @throws EngineError `invalid-parameter` when it is missing */
  need(path: string): ArchiveFile {
    const file = this.get(path)
    if (!file) {
      throw new EngineError('invalid-parameter', `invalid archive: it has no file ${path}`)
    }
    return file
  }

  /** A file of the image layout, by its digest. */
  blob(digest: string): ArchiveFile {
    if (!isDigest(digest)) {
      throw new EngineError('invalid-parameter', `invalid archive: ${digest} is no digest`)
    }
    return this.need(`blobs/${digest.replace(':', '/')}`)
  }

  async bytes(file: ArchiveFile): Promise<Uint8Array<ArrayBuffer>> {
    if (file.size > JSON_MAX) {
      throw new EngineError('invalid-parameter', 'invalid archive: a JSON file is too large')
    }
    await using reader = await this.#blobs.open(file.digest)
    return new Uint8Array(await reader.read(0, file.size))
  }

  async json(file: ArchiveFile): Promise<unknown> {
    try {
      return JSON.parse(new TextDecoder().decode(await this.bytes(file)))
    } catch (cause) {
      if (cause instanceof EngineError) throw cause
      throw new EngineError('invalid-parameter', 'invalid archive: a file is no JSON', { cause })
    }
  }

  async stream(file: ArchiveFile): Promise<ReadableStream<Uint8Array>> {
    const reader = await this.#blobs.open(file.digest)
    return slices(reader, file.size)
  }

  /** Delete what nobody keeps. */
  async discard(keep: (digest: Digest) => boolean): Promise<void> {
    for (const { digest } of this.#files.values()) {
      if (!keep(digest)) await this.#blobs.delete(digest)
    }
  }
}

function slices(reader: BlobReader, size: number): ReadableStream<Uint8Array> {
  let at = 0
  const close = async (): Promise<void> => {
    await reader[Symbol.asyncDispose]()
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        if (at >= size) {
          await close()
          controller.close()
          return
        }
        const bytes = await reader.read(at, SLICE)
        at += bytes.length
        if (bytes.length === 0) throw new EngineError('internal', 'a blob ended early')
        controller.enqueue(bytes)
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  )
}

/** One file on its way into the store. */
class Upload {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #written: Promise<ArchiveFile>

  constructor(blobs: BlobStore, signal: AbortSignal) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    this.#writer = writable.getWriter()
    this.#writer.closed.catch(() => undefined)
    this.#written = blobs.write(readable, { signal })
    this.#written.catch(() => undefined)
  }

  /** Resolves when the bytes may be used again. */
  async push(bytes: Uint8Array): Promise<void> {
    // A store that gave up tells why.
    await this.#writer.write(bytes.slice()).catch(() => this.#written)
  }

  async end(): Promise<ArchiveFile> {
    await this.#writer.close().catch(() => this.#written)
    return this.#written
  }

  async abort(): Promise<void> {
    await this.#writer.abort(new EngineError('invalid-parameter', 'unexpected EOF'))
    await this.#written.catch(() => undefined)
  }
}

/** Where a link in the archive leads. */
function resolve(path: string, target: string): string {
  const parts = target.startsWith('/') ? [] : path.split('/').slice(0, -1)
  for (const part of target.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}
