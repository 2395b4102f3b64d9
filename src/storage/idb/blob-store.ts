import { createSha256, type Sha256 } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import type { BlobReader, BlobStore } from '../../ports/blob-store.ts'
import { ByteCache } from '../byte-cache.ts'
import { blobNotFound, checkDigest } from '../memory-blob-store.ts'
import { cacheKey, CHUNK, ChunkReader } from './chunk-reader.ts'
import type { EngineDatabase } from './database.ts'

/** Bytes of blobs kept in memory, so that the 9p server is answered at once. */
const CACHE = 64 << 20
/** Chunks of one transaction: 1 MiB. */
const BATCH = 4
/** Chunks removed by one transaction. */
const FORGET_BATCH = 64
const FAILURES_MAX = 5

interface StoredBlob {
  readonly id: number
  readonly size: number
}

/**
 * Blobs in chunks under a number of their own; a last small transaction makes a blob of them. So a crash or a full
 * quota leaves no half of one.
 */
export class IdbBlobStore implements BlobStore {
  readonly #database: EngineDatabase
  readonly #cache = new ByteCache(CACHE)

  private constructor(database: EngineDatabase) {
    this.#database = database
  }

  /** Removes what interrupted writes left: no other engine may have the database open. */
  static async open(database: EngineDatabase): Promise<IdbBlobStore> {
    const store = new IdbBlobStore(database)
    const left = await database.run<{ id: number }[]>(['pending'], 'readonly', (open) =>
      open('pending').getAll(),
    )
    // What a full disk keeps from being removed is left to the next start: all that is stored can be read meanwhile.
    for (const { id } of left) await store.#forget(id).catch(() => undefined)
    return store
  }

  async #stored(digest: Digest): Promise<StoredBlob | undefined> {
    return this.#database.run<StoredBlob | undefined>(['blobs'], 'readonly', (store) =>
      store('blobs').get(digest),
    )
  }

  async size(digest: Digest): Promise<number | undefined> {
    return (await this.#stored(digest))?.size
  }

  async write(
    source: AsyncIterable<Uint8Array>,
    options: { readonly digest?: Digest; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    const { digest: expected, signal } = options
    signal?.throwIfAborted()
    const hash = await createSha256()
    const hashed = watch(source, hash, signal)
    if (expected !== undefined && (await this.#stored(expected))) {
      let size = 0
      for await (const bytes of hashed) size += bytes.length
      checkDigest(hash.digest(), expected)
      return { digest: expected, size }
    }
    const id = await this.#database.run(
      ['pending'],
      'readwrite',
      (store) => store('pending').add({}) as IDBRequest<number>,
    )
    try {
      const size = await this.#writeChunks(id, hashed)
      signal?.throwIfAborted()
      const digest = hash.digest()
      checkDigest(digest, expected)
      await this.#commit(digest, { id, size })
      return { digest, size }
    } catch (error) {
      // If this fails, too, the next start does it.
      await this.#forget(id).catch(() => undefined)
      throw error
    }
  }

  /** The next megabyte is gathered while one is being written; never is more in memory. */
  async #writeChunks(id: number, source: AsyncIterable<Uint8Array>): Promise<number> {
    let index = 0
    let size = 0
    let writing: Promise<unknown> = Promise.resolve()
    let batch: Uint8Array[] = []
    const send = async (): Promise<void> => {
      const [chunks, first] = [batch, index]
      batch = []
      index += chunks.length
      await writing
      for (const [at, chunk] of chunks.entries()) this.#cache.set(cacheKey(id, first + at), chunk)
      writing = this.#put(id, first, chunks)
      // Awaited before the next; if the source fails first, its error is the one to tell.
      writing.catch(() => undefined)
    }
    for await (const chunk of chunksOf(source)) {
      size += chunk.length
      batch.push(chunk)
      if (batch.length === BATCH) await send()
    }
    if (batch.length > 0) await send()
    await writing
    return size
  }

  #put(id: number, first: number, chunks: readonly Uint8Array[]): Promise<unknown> {
    return this.#database.run<unknown>(['chunks'], 'readwrite', (open) => {
      const store = open('chunks')
      const requests = chunks.map((chunk, at) => store.put(chunk, [id, first + at]))
      return requests.at(-1) as IDBRequest<unknown>
    })
  }

  /** Another write may have been faster: its chunks stay, these go. */
  async #commit(digest: Digest, blob: StoredBlob): Promise<void> {
    const known = await this.#database.run<StoredBlob | undefined>(
      ['blobs', 'pending'],
      'readwrite',
      (store) => {
        const request = store('blobs').get(digest) as IDBRequest<StoredBlob | undefined>
        request.addEventListener('success', () => {
          if (request.result) return
          store('blobs').put(blob, digest)
          store('pending').delete(blob.id)
        })
        return request
      },
      'strict',
    )
    if (known) await this.#forget(blob.id)
  }

  /**
   * Chunks first, some at a time: their number stays pending until none is left. Firefox needs room to make room, and gives
   * it for little at a time, after a failure or two.
   */
  async #forget(id: number): Promise<void> {
    for (let failures = 0; ;) {
      try {
        if (await this.#forgetSome(id)) return
      } catch (error) {
        if (++failures > FAILURES_MAX) throw error
      }
    }
  }

  /** @returns whether that was all */
  async #forgetSome(id: number): Promise<boolean> {
    const keys = await this.#database.run<IDBValidKey[]>(['chunks'], 'readonly', (store) =>
      store('chunks').getAllKeys(IDBKeyRange.bound([id], [id, []]), FORGET_BATCH),
    )
    const [first, last] = [keys[0], keys.at(-1)]
    await this.#database.run<undefined>(['chunks', 'pending'], 'readwrite', (store) =>
      first === undefined || last === undefined
        ? store('pending').delete(id)
        : store('chunks').delete(IDBKeyRange.bound(first, last)),
    )
    return first === undefined
  }

  async open(digest: Digest): Promise<BlobReader> {
    const blob = await this.#stored(digest)
    if (!blob) throw blobNotFound(digest)
    return new ChunkReader(this.#database, this.#cache, blob)
  }

  async delete(digest: Digest): Promise<void> {
    const blob = await this.#database.run<StoredBlob | undefined>(
      ['blobs', 'pending'],
      'readwrite',
      (store) => {
        const request = store('blobs').get(digest) as IDBRequest<StoredBlob | undefined>
        request.addEventListener('success', () => {
          if (!request.result) return
          store('blobs').delete(digest)
          store('pending').put({ id: request.result.id })
        })
        return request
      },
      'strict',
    )
    if (!blob) return
    for (let index = 0; index * CHUNK < blob.size; index++)
      this.#cache.delete(cacheKey(blob.id, index))
    await this.#forget(blob.id)
  }

  async *list(): AsyncGenerator<{ readonly digest: Digest; readonly size: number }> {
    // Both in the order of keys.
    const [digests, blobs] = await Promise.all([
      this.#database.run<IDBValidKey[]>(['blobs'], 'readonly', (store) =>
        store('blobs').getAllKeys(),
      ),
      this.#database.run<StoredBlob[]>(['blobs'], 'readonly', (store) => store('blobs').getAll()),
    ])
    for (const [at, digest] of digests.entries())
      yield { digest: digest as Digest, size: blobs[at]?.size ?? 0 }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#cache.clear()
    return Promise.resolve()
  }
}

async function* watch(
  source: AsyncIterable<Uint8Array>,
  hash: Sha256,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const bytes of source) {
    signal?.throwIfAborted()
    hash.update(bytes)
    yield bytes
  }
}

/** The same bytes in pieces of exactly CHUNK, each with a buffer of its own, the last one shorter. */
async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  let chunk = new Uint8Array(CHUNK)
  let filled = 0
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + CHUNK - filled)
      chunk.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < CHUNK) continue
      yield chunk
      chunk = new Uint8Array(CHUNK)
      filled = 0
    }
  }
  if (filled > 0) yield chunk.slice(0, filled)
}
