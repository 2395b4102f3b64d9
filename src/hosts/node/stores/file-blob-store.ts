import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { isDigest, type Digest } from '../../../core/digest.ts'
import { EngineError } from '../../../core/error.ts'
import type { BlobReader, BlobStore } from '../../../ports/blob-store.ts'
import { diskError } from './disk-error.ts'

/** Blobs as files `blobs/sha256/<hex>`; what is being written lies in `blobs/tmp`. One process at a time. */
export class FileBlobStore implements BlobStore {
  readonly #blobs: string
  readonly #tmp: string
  #count = 0

  private constructor(folder: string) {
    this.#blobs = join(folder, 'blobs', 'sha256')
    this.#tmp = join(folder, 'blobs', 'tmp')
  }

  /** Opens or makes the store in a folder, and removes what interrupted writes left there. */
  static async open(folder: string): Promise<FileBlobStore> {
    const store = new FileBlobStore(folder)
    await rm(store.#tmp, { recursive: true, force: true })
    await mkdir(store.#tmp, { recursive: true, mode: 0o700 })
    await mkdir(store.#blobs, { recursive: true, mode: 0o700 })
    return store
  }

  #path(digest: Digest): string {
    return join(this.#blobs, digest.slice('sha256:'.length))
  }

  async size(digest: Digest): Promise<number | undefined> {
    const found = await stat(this.#path(digest)).catch(ifMissing)
    return found?.size
  }

  async write(
    source: AsyncIterable<Uint8Array>,
    options: { readonly digest?: Digest; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    const { digest: expected, signal } = options
    signal?.throwIfAborted()
    const known = expected !== undefined && (await this.size(expected)) !== undefined
    if (known) return readThrough(source, undefined, options)
    const path = join(this.#tmp, `${this.#count++}`)
    try {
      const file = await open(path, 'wx', 0o600)
      let written
      try {
        written = await readThrough(source, file, options)
        await file.datasync()
      } finally {
        await file.close()
      }
      signal?.throwIfAborted()
      await rename(path, this.#path(written.digest))
      await this.#syncNames()
      return written
    } catch (error) {
      await rm(path, { force: true })
      throw diskError(error, 'write blob')
    }
  }

  async #syncNames(): Promise<void> {
    const folder = await open(this.#blobs, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }

  open(digest: Digest): Promise<BlobReader> {
    try {
      return Promise.resolve(new FileBlobReader(openSync(this.#path(digest), 'r')))
    } catch (error) {
      return Promise.reject(
        isMissing(error)
          ? new EngineError('not-found', `blob ${digest} not found`, { cause: error })
          : (diskError(error, 'open blob') as Error),
      )
    }
  }

  async delete(digest: Digest): Promise<void> {
    await rm(this.#path(digest), { force: true })
    await this.#syncNames()
  }

  async *list(): AsyncGenerator<{ readonly digest: Digest; readonly size: number }> {
    const names = (await readdir(this.#blobs)).map((name) => `sha256:${name}`)
    // All at once: at a start each wait is a turn of the guest that boots meanwhile.
    const sizes = await Promise.all(
      names.filter(isDigest).map(async (digest) => ({ digest, size: await this.size(digest) })),
    )
    for (const { digest, size } of sizes) if (size !== undefined) yield { digest, size }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#tmp, { recursive: true, force: true })
  }
}

/** Reads are synchronous: the 9p server answers at once, and the page cache makes them memory copies. */
class FileBlobReader implements BlobReader {
  readonly size: number
  #file: number | undefined

  constructor(file: number) {
    this.#file = file
    this.size = fstatSync(file).size
  }

  read(offset: number, length: number): Uint8Array {
    if (this.#file === undefined) throw new EngineError('internal', 'read blob: it was closed')
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)))
    let got = 0
    while (got < bytes.length) {
      const count = readSync(this.#file, bytes, got, bytes.length - got, offset + got)
      if (count === 0) break
      got += count
    }
    return got === bytes.length ? bytes : bytes.subarray(0, got)
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    return Promise.resolve()
  }
}

/** Hash what comes, and write it to `file` when there is one. */
async function readThrough(
  source: AsyncIterable<Uint8Array>,
  file: FileHandle | undefined,
  options: { readonly digest?: Digest; readonly signal?: AbortSignal },
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const bytes of source) {
    options.signal?.throwIfAborted()
    hash.update(bytes)
    size += bytes.length
    if (file) await writeAll(file, bytes)
  }
  options.signal?.throwIfAborted()
  const digest = `sha256:${hash.digest('hex')}` as Digest
  if (options.digest !== undefined && options.digest !== digest)
    throw new EngineError(
      'invalid-parameter',
      `unexpected commit digest ${digest}, expected ${options.digest}: failed precondition`,
    )
  return { digest, size }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;)
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
}

const isMissing = (error: unknown): boolean => (error as { code?: unknown }).code === 'ENOENT'

function ifMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error
}
