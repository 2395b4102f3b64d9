import type { RecordChange, RecordKind, RecordStore } from '../ports/record-store.ts'

/** Records that end with the page: for tests, and where the browser keeps nothing. */
export class MemoryRecordStore implements RecordStore {
  /** As JSON: callers can't change what is stored. */
  readonly #records = new Map<RecordKind, Map<string, string>>()

  get(kind: RecordKind, key: string): Promise<unknown> {
    const json = this.#records.get(kind)?.get(key)
    return Promise.resolve(json === undefined ? undefined : JSON.parse(json))
  }

  list(kind: RecordKind): Promise<ReadonlyMap<string, unknown>> {
    const records = this.#records.get(kind) ?? []
    return Promise.resolve(
      new Map([...records].map(([key, json]) => [key, JSON.parse(json) as unknown])),
    )
  }

  commit(changes: readonly RecordChange[]): Promise<void> {
    for (const change of changes) {
      const records = this.#records.get(change.kind) ?? new Map<string, string>()
      this.#records.set(change.kind, records)
      if ('delete' in change) records.delete(change.key)
      else records.set(change.key, JSON.stringify(change.value))
    }
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}
