import type { Digest } from '../../core/digest.ts'
import type { RangeCache } from '../estargz-source.ts'
import type { EngineDatabase } from './database.ts'

/** Keeps what was fetched of some blobs, so that a reload fetches nothing. */
export type RangeCaches = (digest: Digest) => RangeCache

/** Forgets what is kept of other blobs than these: an older host root. */
export async function openRangeCaches(
  database: EngineDatabase,
  digests: readonly Digest[],
): Promise<RangeCaches> {
  // Keys are [digest, offset]; what lies between the digests, and before and behind them, goes.
  const ends = digests.toSorted()
  await database.run<undefined>(['ranges'], 'readwrite', (open) => {
    const store = open('ranges')
    let after: readonly unknown[] = []
    for (const digest of ends) {
      store.delete(IDBKeyRange.bound(after, [digest], false, true))
      after = [digest, []]
    }
    return store.delete(IDBKeyRange.lowerBound(after))
  })
  return (digest) => new IdbRangeCache(database, digest)
}

class IdbRangeCache implements RangeCache {
  readonly #database: EngineDatabase
  readonly #digest: Digest

  constructor(database: EngineDatabase, digest: Digest) {
    this.#database = database
    this.#digest = digest
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
