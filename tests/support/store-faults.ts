import { open, type FileHandle } from 'node:fs/promises'
import { vi } from 'vitest'
import { NoSpaceError } from '../../src/core/no-space.ts'
import { EngineError } from '../../src/core/error.ts'

/** Writes are counted; one of them fails. */
export class Fault {
  #count = 0
  #failing = 0
  /** Writes until it was armed the last time. */
  passed = 0

  /** The next so many writes pass, then one fails, once. 0: none. */
  arm(failing: number): void {
    this.passed = this.#count
    this.#count = 0
    this.#failing = failing
  }

  /** Called for each write. @returns whether it is the one */
  hit(): boolean {
    return ++this.#count === this.#failing
  }
}

export type IdbFault = 'quota' | 'abort' | 'disconnect'

/** Transactions of IndexedDB that write are the writes. They fail as browsers let them fail. */
export function breakIdb(fault: Fault, kind: () => IdbFault): Disposable {
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its own `this` below
  const original = IDBDatabase.prototype.transaction
  const spy = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (
    this: IDBDatabase,
    ...given: Parameters<typeof original>
  ) {
    const transaction = original.apply(this, given)
    if (given[1] !== 'readwrite' || !fault.hit()) return transaction
    switch (kind()) {
      case 'quota': {
        // As in Chromium: the requests succeed, the transaction does not.
        const full = new DOMException('', 'QuotaExceededError')
        Object.defineProperty(transaction, 'error', { get: () => full })
        queueMicrotask(() => transaction.abort())
        return transaction
      }
      case 'abort':
        queueMicrotask(() => transaction.abort())
        return transaction
      case 'disconnect':
        transaction.abort()
        this.close()
        queueMicrotask(() => this.dispatchEvent(new IDBVersionChangeEvent('close')))
        throw new DOMException('The database connection is closing', 'InvalidStateError')
    }
  })
  return { [Symbol.dispose]: () => spy.mockRestore() }
}

/** Writes and syncs of open files are the writes. @param code `ENOSPC`, `EIO` */
export async function breakFiles(fault: Fault, code: () => string): Promise<Disposable> {
  await using some = await open('/dev/null', 'r')
  const prototype = Object.getPrototypeOf(some) as FileHandle
  const spies = (['write', 'datasync', 'sync'] as const).map((name) => {
    const original = prototype[name] as (...given: unknown[]) => Promise<unknown>
    return vi.spyOn(prototype, name).mockImplementation(function (
      this: FileHandle,
      ...given: unknown[]
    ) {
      if (!fault.hit()) return original.apply(this, given) as never
      return Promise.reject(Object.assign(new Error(`${code()}: it failed`), { code: code() }))
    })
  })
  return { [Symbol.dispose]: () => spies.forEach((spy) => spy.mockRestore()) }
}

export type MemoryFault = 'full' | 'failure'

/** The same object, whose methods of these names count as writes. */
export function breakMemory<Store extends object>(
  store: Store,
  names: readonly (keyof Store & string)[],
  fault: Fault,
  kind: () => MemoryFault,
): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        if ((names as readonly unknown[]).includes(name) && fault.hit()) {
          const error =
            kind() === 'full'
              ? new NoSpaceError('no space left on device')
              : new EngineError('unavailable', 'the storage failed')
          return Promise.reject(error)
        }
        return (value as (...given: unknown[]) => unknown).apply(target, given)
      }
    },
  })
}
