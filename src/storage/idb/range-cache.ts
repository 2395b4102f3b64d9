import type { Digest } from '../../core/digest.ts'
import type { RangeCache } from '../estargz-source.ts'
import type { EngineDatabase } from './database.ts'

/** Keeps what was fetched of one blob, so that a reload fetches nothing. */
export class IdbRangeCache implements RangeCache {
  readonly #database: EngineDatabase
  readonly #digest: Digest

  private constructor(database: EngineDatabase, digest: Digest) {
    this.#database = database
    this.#digest = digest
  }

  /** Forgets what is kept of other blobs: there is one host root at a time. */
  static async open(database: EngineDatabase, digest: Digest): Promise<IdbRangeCache> {
    const below = IDBKeyRange.upperBound([digest], true)
    const above = IDBKeyRange.lowerBound([digest, []], true)
    await database.run<undefined>(['ranges'], 'readwrite', (store) => {
      store('ranges').delete(below)
      return store('ranges').delete(above)
    })
    return new IdbRangeCache(database, digest)
  }

  get(offset: number): Promise<Uint8Array | undefined> {
    return this.#database.run<Uint8Array | undefined>(['ranges'], 'readonly', (store) =>
      store('ranges').get([this.#digest, offset]),
    )
  }

  async set(offset: number, bytes: Uint8Array): Promise<void> {
    // A view would be stored with all of its buffer.
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
    await this.#database.run<IDBValidKey>(['ranges'], 'readwrite', (store) =>
      store('ranges').put(whole, [this.#digest, offset]),
    )
  }
}
