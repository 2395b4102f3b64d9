import { EngineError } from '../../core/error.ts'

/**
 * Object stores of an engine's database:
 * - `blobs`    digest → {id, size}: the whole blobs
 * - `pending`  {id}: blobs that are being written or removed; their chunks are rubbish after a crash
 * - `chunks`   [id, index] → bytes
 * - `records`  [kind, key] → JSON value
 * - `ranges`   [digest, offset] → bytes: parts of blobs that are read on demand
 * - `logs`     [container, number, size] → entries
 * - `disk-records`  number → DiskRecord: heads of the disk's records
 * - `disk-data`     number → bytes of the record's blocks
 */
export type StoreName =
  | 'blobs'
  | 'pending'
  | 'chunks'
  | 'records'
  | 'logs'
  | 'ranges'
  | 'disk-records'
  | 'disk-data'

/** What brings a database from version N to N + 1; only ever added to. */
const MIGRATIONS: readonly ((database: IDBDatabase) => void)[] = [
  (database) => {
    database.createObjectStore('pending', { keyPath: 'id', autoIncrement: true })
    for (const name of ['blobs', 'chunks', 'records', 'logs', 'ranges'])
      database.createObjectStore(name)
  },
  (database) => {
    for (const name of ['disk-records', 'disk-data']) database.createObjectStore(name)
  },
]

/** `strict` survives a power cut, `relaxed` the death of the browser; both are ordered. */
export type Durability = 'strict' | 'relaxed'

/** An engine's IndexedDB. Whoever opens it closes it, after the stores that use it. */
export class EngineDatabase implements AsyncDisposable {
  readonly #database: IDBDatabase

  private constructor(database: IDBDatabase) {
    this.#database = database
    // A newer page wants to change the layout: this one gives way, and its next request fails with words.
    database.addEventListener('versionchange', () => database.close())
  }

  /**
   * @param id the engine's
   * @throws EngineError `unavailable` when the browser keeps nothing for this page, or the database is newer than this code
   */
  static open(id: string): Promise<EngineDatabase> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string, cause?: unknown): void =>
        reject(
          new EngineError('unavailable', `Cannot open the browser's storage: ${reason}`, { cause }),
        )
      if (typeof indexedDB === 'undefined') return fail('IndexedDB is missing')
      let request: IDBOpenDBRequest
      try {
        request = indexedDB.open(`drydock-${id}`, MIGRATIONS.length)
      } catch (error) {
        return fail(wordsOf(error), error)
      }
      let blocked = false
      request.addEventListener('upgradeneeded', ({ oldVersion }) => {
        for (const migrate of MIGRATIONS.slice(oldVersion)) migrate(request.result)
      })
      request.addEventListener('blocked', () => {
        blocked = true
        fail('close the other tabs of this page, they use an older version')
      })
      request.addEventListener('success', () => {
        if (blocked) request.result.close()
        else resolve(new EngineDatabase(request.result))
      })
      request.addEventListener('error', () =>
        request.error?.name === 'VersionError'
          ? fail('it was written by a newer version', request.error)
          : fail(wordsOf(request.error), request.error),
      )
    })
  }

  /**
   * One transaction. `body` asks for all at once; the result of the request it returns is handed on when all is done.
   * Keep writes to 1 MiB: Firefox tears larger transactions when the quota ends.
   * @throws EngineError `unavailable` when the storage is full or gone
   */
  run<Result>(
    names: readonly StoreName[],
    mode: 'readonly' | 'readwrite',
    body: (store: (name: StoreName) => IDBObjectStore) => IDBRequest<Result>,
    durability: Durability = 'relaxed',
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      let transaction: IDBTransaction
      let request: IDBRequest<Result>
      try {
        transaction = this.#database.transaction([...names], mode, { durability })
      } catch (error) {
        reject(storageError(error))
        return
      }
      // Chromium says that the quota has ended at the very end only, after every request has succeeded.
      transaction.addEventListener('complete', () => resolve(request.result))
      transaction.addEventListener('abort', () => reject(storageError(transaction.error)))
      try {
        request = body((name) => transaction.objectStore(name))
      } catch (error) {
        // Firefox: the transaction after a failed one may throw here, and complete with nothing in it all the same.
        reject(storageError(error))
        try {
          transaction.abort()
        } catch {
          // It has ended already.
        }
      }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#database.close()
    return Promise.resolve()
  }
}

const wordsOf = (error: unknown): string =>
  error instanceof Error || error instanceof DOMException ? error.message || error.name : 'unknown'

/** A full disk is a DataError in Chromium; a full quota has its own name everywhere. */
function storageError(cause: unknown): EngineError {
  const name = cause instanceof DOMException || cause instanceof Error ? cause.name : ''
  if (name === 'QuotaExceededError' || name === 'DataError')
    return new EngineError(
      'unavailable',
      "the browser's storage is full: no space left on device",
      {
        cause,
      },
    )
  return new EngineError('unavailable', `the browser's storage failed: ${wordsOf(cause)}`, {
    cause,
  })
}
