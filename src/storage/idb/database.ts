import { EngineError } from '../../core/error.ts'
import { NoSpaceError } from '../../core/no-space.ts'
import { STORE_SCHEMA, storedByNewer } from '../schema.ts'
import { checkOwnership, OWNER, takenOver, takeOwnership, type Ownership } from './fence.ts'

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
 * - `owner`    see fence.ts
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
  | typeof OWNER

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
  (database) => {
    database.createObjectStore(OWNER)
  },
]

/** `strict` survives a power cut, `relaxed` the death of the browser; both are ordered. */
export type Durability = 'strict' | 'relaxed'

/** An engine's IndexedDB. Whoever opens it closes it, after the stores that use it. */
export class EngineDatabase implements AsyncDisposable {
  readonly #id: string
  readonly #fence: number
  /** Name of the database that an import has put in this one's place. */
  readonly moved: string | undefined
  #database: IDBDatabase
  /** The browser has closed it: a fault of its disk, or the site's data were cleared. */
  #lost = false
  #closed = false
  #reopening: Promise<void> | undefined
  #isLate = false
  #tellLate: () => void = () => undefined
  /** Resolves when another has opened the database: nothing more is written by this one. */
  readonly superseded: Promise<void>

  private constructor(id: string, database: IDBDatabase, { fence, moved }: Ownership) {
    this.#id = id
    this.#fence = fence
    this.moved = moved
    this.#database = database
    this.superseded = new Promise((resolve) => {
      this.#tellLate = resolve
    })
    this.#watch(database)
  }

  #setLate(): void {
    this.#isLate = true
    this.#tellLate()
  }

  #watch(database: IDBDatabase): void {
    // Another wants to change the layout, or an import has taken the place: this one gives way.
    database.addEventListener('versionchange', () => {
      this.#setLate()
      database.close()
    })
    database.addEventListener('close', () => {
      this.#lost = true
    })
  }

  /** @throws EngineError `unavailable` when it can't be opened, or what was in it is gone */
  #reopen(): Promise<void> {
    const open = async (): Promise<void> => {
      this.#database = await connect(this.#id, 'existing')
      this.#lost = false
      this.#watch(this.#database)
    }
    this.#reopening ??= open().finally(() => {
      this.#reopening = undefined
    })
    return this.#reopening
  }

  /**
   * Open it as its owner: whoever has it open already writes nothing any more.
   * @param id the engine's
   * @throws EngineError `unavailable` when the browser keeps nothing for this page, or the database is newer than this code
   */
  static async open(id: string): Promise<EngineDatabase> {
    const database = await connect(id, 'any')
    try {
      return new EngineDatabase(id, database, await takeOwnership(database))
    } catch (error) {
      database.close()
      throw storageError(error)
    }
  }

  /**
   * One transaction. `body` asks for all at once; the result of the request it returns is handed on when all is done.
   * Keep writes to 1 MiB: Firefox tears larger transactions when the quota ends.
   * @throws EngineError `unavailable` when the storage is full or gone, `conflict` for a write after another has opened it
   */
  run<Result>(
    names: readonly StoreName[],
    mode: 'readonly' | 'readwrite',
    body: (store: (name: StoreName) => IDBObjectStore) => IDBRequest<Result>,
    durability: Durability = 'relaxed',
  ): Promise<Result> {
    if (this.#isLate && mode === 'readwrite') return Promise.reject(takenOver())
    if (this.#lost) return this.#reopen().then(() => this.run(names, mode, body, durability))
    return new Promise((resolve, reject) => {
      let transaction: IDBTransaction
      let request: IDBRequest<Result>
      try {
        const scope = mode === 'readwrite' ? [...names, OWNER] : names
        transaction = this.#database.transaction(scope, mode, { durability })
      } catch (error) {
        // Not every browser says that it has closed the connection.
        this.#lost =
          !this.#closed && error instanceof DOMException && error.name === 'InvalidStateError'
        reject(storageError(error))
        return
      }
      // Chromium says that the quota has ended at the very end only, after every request has succeeded.
      transaction.addEventListener('complete', () => resolve(request.result))
      transaction.addEventListener('abort', () =>
        reject(this.#isLate ? takenOver() : storageError(transaction.error)),
      )
      try {
        if (mode === 'readwrite') checkOwnership(transaction, this.#fence, () => this.#setLate())
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
    this.#closed = true
    this.#database.close()
    return Promise.resolve()
  }
}

export const databaseName = (id: string): string => `drydock-${id}`

/** @param which `existing`: what is not there any more is not made again */
function connect(id: string, which: 'any' | 'existing'): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void =>
      reject(
        new EngineError('unavailable', `Cannot open the browser's storage: ${reason}`, { cause }),
      )
    if (typeof indexedDB === 'undefined') return fail('IndexedDB is missing')
    let request: IDBOpenDBRequest
    try {
      request = indexedDB.open(databaseName(id), STORE_SCHEMA)
    } catch (error) {
      return fail(wordsOf(error), error)
    }
    let blocked = false
    request.addEventListener('upgradeneeded', ({ oldVersion }) => {
      if (which === 'existing') {
        request.transaction?.abort()
        return fail('it was cleared while the page was open. Reload the page')
      }
      for (const migrate of MIGRATIONS.slice(oldVersion)) migrate(request.result)
    })
    request.addEventListener('blocked', () => {
      blocked = true
      fail('close the other tabs of this page, they use an older version')
    })
    request.addEventListener('success', () => {
      if (blocked) request.result.close()
      else resolve(request.result)
    })
    request.addEventListener('error', () =>
      request.error?.name === 'VersionError'
        ? reject(storedByNewer('Reload the page to get that version.'))
        : fail(wordsOf(request.error), request.error),
    )
  })
}

const wordsOf = (error: unknown): string =>
  error instanceof Error || error instanceof DOMException ? error.message || error.name : 'unknown'

/** A full disk is a DataError in Chromium; a full quota has its own name everywhere. */
function storageError(cause: unknown): EngineError {
  const name = cause instanceof DOMException || cause instanceof Error ? cause.name : ''
  if (name === 'QuotaExceededError' || name === 'DataError')
    return new NoSpaceError("the browser's storage is full: no space left on device", { cause })
  return new EngineError('unavailable', `the browser's storage failed: ${wordsOf(cause)}`, {
    cause,
  })
}
