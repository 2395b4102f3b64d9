import type { RecordChange, RecordKind, RecordStore } from '../../ports/record-store.ts'
import type { EngineDatabase } from './database.ts'

/** Records in one object store; a commit is one transaction, of at most 1 MiB if it is to be whole in Firefox. */
export class IdbRecordStore implements RecordStore {
  readonly #database: EngineDatabase

  constructor(database: EngineDatabase) {
    this.#database = database
  }

  get(kind: RecordKind, key: string): Promise<unknown> {
    return this.#database.run<unknown>(['records'], 'readonly', (store) =>
      store('records').get([kind, key]),
    )
  }

  async list(kind: RecordKind): Promise<ReadonlyMap<string, unknown>> {
    const all = IDBKeyRange.bound([kind], [kind, []])
    let keys: IDBRequest<IDBValidKey[]> | undefined
    const values = await this.#database.run<unknown[]>(['records'], 'readonly', (store) => {
      keys = store('records').getAllKeys(all)
      return store('records').getAll(all)
    })
    return new Map(
      (keys?.result ?? []).map((key, at) => [String((key as readonly unknown[])[1]), values[at]]),
    )
  }

  async commit(changes: readonly RecordChange[]): Promise<void> {
    if (changes.length === 0) return
    await this.#database.run<unknown>(
      ['records'],
      'readwrite',
      (open) => {
        const store = open('records')
        const requests = changes.map((change) =>
          'delete' in change
            ? store.delete([change.kind, change.key])
            : store.put(change.value, [change.kind, change.key]),
        )
        return requests.at(-1) as IDBRequest<unknown>
      },
      'strict',
    )
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}
