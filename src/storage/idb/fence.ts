import { EngineError } from '../../core/error.ts'

/** Object store of an engine's database that says whose it is. */
export const OWNER = 'owner'
/** Counts the owners. Whoever opens the database takes the next number; only the latest owner writes. */
const FENCE = 'fence'
/** Name of the database that an import has put in this one's place. */
const MOVED = 'moved'

export interface Ownership {
  readonly fence: number
  /** What is stored is in another database, of this name. */
  readonly moved?: string
}

export const takenOver = (): EngineError =>
  new EngineError(
    'conflict',
    'This playground was opened elsewhere, and nothing more is stored from here.',
  )

/** Become the owner: whoever was before writes nothing from now on. */
export function takeOwnership(database: IDBDatabase): Promise<Ownership> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction([OWNER], 'readwrite')
    const store = transaction.objectStore(OWNER)
    const moved = store.get(MOVED) as IDBRequest<string | undefined>
    const before = store.get(FENCE) as IDBRequest<number | undefined>
    let fence = 0
    before.addEventListener('success', () => {
      fence = (before.result ?? 0) + 1
      store.put(fence, FENCE)
    })
    transaction.addEventListener('complete', () =>
      resolve({ fence, ...(moved.result === undefined ? {} : { moved: moved.result }) }),
    )
    transaction.addEventListener('abort', () => reject(transaction.error as Error))
  })
}

/** Ends the transaction, which has OWNER in its scope, if there is a later owner; `onLate` is called then, before it aborts. */
export function checkOwnership(
  transaction: IDBTransaction,
  fence: number,
  onLate: () => void,
): void {
  const request = transaction.objectStore(OWNER).get(FENCE) as IDBRequest<number | undefined>
  request.addEventListener('success', () => {
    if (request.result === fence) return
    onLate()
    transaction.abort()
  })
}

/** From the next opening on, what is stored is in another database. */
export const putMoved = (
  open: (name: typeof OWNER) => IDBObjectStore,
  moved: string,
): IDBRequest<IDBValidKey> => open(OWNER).put(moved, MOVED)
