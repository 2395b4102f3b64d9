import { NoSpaceError } from '../../core/no-space.ts'
import type { Reserve } from '../room/reserve.ts'
import { CHUNK } from './chunk-reader.ts'
import type { EngineDatabase } from './database.ts'

/** Bytes: as the disk has up to 32 MiB under way when the room ends, and the guest's memory as much again. */
const SIZE = 64 << 20
/** Chunks of one transaction: 1 MiB. */
const BATCH = 4
/** First part of the chunks' keys; blobs have numbers there. */
const KEY = 'reserve'
const FAILURES_MAX = 5

/**
 * Chunks that mean nothing, in the store of the blobs' chunks: no browser says truly how much room is left, and in Firefox
 * what is removed makes room in its own database alone.
 */
export class IdbReserve implements Reserve {
  readonly #database: EngineDatabase
  #count: number
  #wanted: number

  private constructor(database: EngineDatabase, count: number, wanted: number) {
    this.#database = database
    this.#count = count
    this.#wanted = wanted
  }

  /** @param size bytes; default 64 MiB */
  static async open(database: EngineDatabase, size: number = SIZE): Promise<IdbReserve> {
    const count = await database.run<number>(['chunks'], 'readonly', (store) =>
      store('chunks').count(IDBKeyRange.bound([KEY], [KEY, []])),
    )
    return new IdbReserve(database, count, Math.ceil(size / CHUNK / BATCH) * BATCH)
  }

  get size(): number {
    return this.#count * CHUNK
  }

  probe(): undefined {
    return undefined
  }

  async release(): Promise<void> {
    for (let failures = 0; this.#count > 0;) {
      // Little at a time: Firefox has not the room to remove much.
      const first = Math.max(0, this.#count - 16 * BATCH)
      try {
        await this.#database.run<undefined>(['chunks'], 'readwrite', (store) =>
          store('chunks').delete(IDBKeyRange.bound([KEY, first], [KEY, []])),
        )
        this.#count = first
      } catch (error) {
        if (++failures > FAILURES_MAX) throw error
      }
    }
  }

  async fill(signal: AbortSignal): Promise<boolean> {
    // The last ones are written again when all are there: that proves that the store works.
    let at = Math.min(this.#count, this.#wanted - BATCH)
    const bytes = noise()
    for (; at < this.#wanted; at += BATCH) {
      if (signal.aborted) return false
      const first = at
      try {
        await this.#database.run<unknown>(['chunks'], 'readwrite', (open) => {
          const store = open('chunks')
          const requests = Array.from({ length: BATCH }, (_, index) =>
            store.put(bytes, [KEY, first + index]),
          )
          return requests.at(-1) as IDBRequest<unknown>
        })
      } catch (error) {
        // A transaction may be torn: what is above the count goes with the next release.
        this.#count = Math.max(this.#count, first + BATCH)
        if (error instanceof NoSpaceError) return false
        throw error
      }
      this.#count = Math.max(this.#count, first + BATCH)
    }
    return true
  }

  async shrink(): Promise<void> {
    const half = Math.floor(this.#count / 2 / BATCH) * BATCH
    this.#wanted = Math.max(BATCH, half)
    await this.release()
    await this.fill(new AbortController().signal)
  }
}

/** A chunk that no database can make smaller. */
function noise(): Uint8Array {
  const words = new Uint32Array(CHUNK / 4)
  let state = 0x9e3779b9
  for (let at = 0; at < words.length; at++) {
    // xorshift32 (Marsaglia, 2003)
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  return new Uint8Array(words.buffer)
}
