import { EngineError } from '../../core/error.ts'
import type { BlobReader } from '../../ports/blob-store.ts'
import type { ByteCache } from '../byte-cache.ts'
import type { EngineDatabase } from './database.ts'

/**
 * Bytes of a chunk. Larger than 64 KiB, so that Chromium keeps each in a file, which a deletion frees at once; four make a
 * transaction of 1 MiB.
 */
export const CHUNK = 262_144
/** Chunks fetched at once when a file is read from front to back. */
const AHEAD_MAX = 8
/** Chunks of one blob that a cache's key has room for. */
const INDEX_MAX = 2 ** 20

/** Number of a chunk in the cache that all blobs of a store share. */
export const cacheKey = (id: number, index: number): number => id * INDEX_MAX + index

/** Reads a blob's chunks: at once from the cache, else from the database, ahead when it goes in order. */
export class ChunkReader implements BlobReader {
  readonly size: number
  readonly #id: number
  readonly #database: EngineDatabase
  readonly #cache: ByteCache
  readonly #coming = new Map<number, Promise<Uint8Array>>()
  /** Where the last fetch ended, and how far it went. */
  #next = -1
  #ahead = 1

  constructor(
    database: EngineDatabase,
    cache: ByteCache,
    blob: { readonly id: number; readonly size: number },
  ) {
    this.#database = database
    this.#cache = cache
    this.#id = blob.id
    this.size = blob.size
  }

  read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size)
    if (end <= offset) return new Uint8Array()
    const first = Math.floor(offset / CHUNK)
    const last = Math.floor((end - 1) / CHUNK)
    const chunks: Uint8Array[] = []
    for (let index = first; index <= last; index++) {
      const chunk = this.#cache.get(cacheKey(this.#id, index))
      if (!chunk)
        return this.#fetch(first, last).then((all) => cut(all, offset % CHUNK, end - offset))
      chunks.push(chunk)
    }
    return cut(chunks, offset % CHUNK, end - offset)
  }

  #fetch(first: number, last: number): Promise<Uint8Array[]> {
    this.#ahead = first === this.#next ? Math.min(AHEAD_MAX, this.#ahead * 2) : 1
    const until = Math.min(last + this.#ahead - 1, Math.floor((this.size - 1) / CHUNK))
    this.#next = until + 1
    const wanted: Promise<Uint8Array>[] = []
    for (let index = first; index <= until; index++) {
      if (!this.#have(index)) {
        let stop = index
        while (stop < until && !this.#have(stop + 1)) stop++
        this.#ask(index, stop)
      }
      if (index <= last) wanted.push(this.#coming.get(index) ?? this.#cached(index))
    }
    return Promise.all(wanted)
  }

  #have(index: number): boolean {
    return this.#coming.has(index) || this.#cache.get(cacheKey(this.#id, index)) !== undefined
  }

  #cached(index: number): Promise<Uint8Array> {
    return Promise.resolve(this.#cache.get(cacheKey(this.#id, index)) ?? new Uint8Array())
  }

  #ask(first: number, last: number): void {
    const range = IDBKeyRange.bound([this.#id, first], [this.#id, last])
    const answer = this.#database.run<Uint8Array[]>(['chunks'], 'readonly', (store) =>
      store('chunks').getAll(range),
    )
    for (let index = first; index <= last; index++) {
      const chunk = answer.then((chunks) => {
        const bytes = chunks[index - first]
        const size = Math.min(CHUNK, this.size - index * CHUNK)
        if (bytes?.length !== size)
          throw new EngineError('internal', 'read blob: a part is missing')
        this.#cache.set(cacheKey(this.#id, index), bytes)
        return bytes
      })
      this.#coming.set(index, chunk)
      // Who waits for it hears of the failure; what was read ahead is asked for again.
      chunk.catch(() => undefined).finally(() => void this.#coming.delete(index))
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

/** `length` bytes from `start` of the chunks put together. */
function cut(chunks: readonly Uint8Array[], start: number, length: number): Uint8Array {
  const [only] = chunks
  if (only && chunks.length === 1) return only.subarray(start, start + length)
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    const part = chunk.subarray(at === 0 ? start : 0, at === 0 ? start + length : length - at)
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
