import type { LogEntry, LogStore } from '../../ports/log-store.ts'
import type { EngineDatabase } from './database.ts'

/** Bytes kept of each container's log. */
const BOUND = 10 << 20
/** Bytes of entries that one record holds, about. */
const BATCH = 256 << 10

/** Key of a record: the size stands in it, so that a log's size is known without reading it. */
type BatchKey = [container: string, number: number, size: number]

interface IdbLogOptions {
  readonly bound?: number
  readonly guard?: <Result>(write: () => Promise<Result>) => Promise<Result>
}

interface Waiting {
  entries: LogEntry[]
  size: number
}

/**
 * Logs in records of many entries. What comes while one transaction runs shares the next; a browser's death can lose
 * what is not flushed.
 */
export class IdbLogStore implements LogStore {
  readonly #database: EngineDatabase
  readonly #bound: number
  readonly #guard: <Result>(write: () => Promise<Result>) => Promise<Result>
  readonly #waiting = new Map<string, Waiting>()
  /** What the database has of each log touched so far, oldest first. */
  readonly #stored = new Map<string, BatchKey[]>()
  #writing: Promise<void> | undefined
  #failure: unknown

  /**
   * @param options.bound bytes kept of each container's log; default 10 MiB
   * @param options.guard performs each write, and may try it again
   */
  constructor(database: EngineDatabase, options: IdbLogOptions = {}) {
    this.#database = database
    this.#bound = options.bound ?? BOUND
    this.#guard = options.guard ?? ((write) => write())
  }

  append(container: string, entries: readonly LogEntry[]): void {
    const waiting = this.#waiting.get(container) ?? { entries: [], size: 0 }
    this.#waiting.set(container, waiting)
    for (const entry of entries) {
      waiting.entries.push({ ...entry, bytes: entry.bytes.slice() })
      waiting.size += entry.bytes.length
    }
    // A writer faster than the disk: what would go anyhow goes now.
    if (waiting.size > 2 * this.#bound) {
      let drop = 0
      while (waiting.size > this.#bound) waiting.size -= waiting.entries[drop++]?.bytes.length ?? 0
      waiting.entries = waiting.entries.slice(drop)
    }
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    // What one turn of the event loop brings is written together.
    await Promise.resolve()
    for (;;) {
      const [next] = this.#waiting
      if (!next) break
      const [container, { entries }] = next
      this.#waiting.delete(container)
      try {
        await this.#write(container, entries)
      } catch (error) {
        this.#failure ??= error
      }
    }
    this.#writing = undefined
  }

  async #write(container: string, entries: readonly LogEntry[]): Promise<void> {
    const keys = await this.#keys(container)
    for (const batch of batchesOf(entries)) {
      const size = sizeOf(batch)
      const key: BatchKey = [container, (keys.at(-1)?.[1] ?? 0) + 1, size]
      let total = size + keys.reduce((sum, [, , bytes]) => sum + bytes, 0)
      const old: BatchKey[] = []
      for (const known of keys) {
        if (total <= this.#bound) break
        total -= known[2]
        old.push(known)
      }
      const put = (): Promise<unknown> =>
        this.#database.run(['logs'], 'readwrite', (open) => {
          const store = open('logs')
          for (const gone of old) store.delete(gone)
          return store.put(batch, key)
        })
      await this.#guard(put)
      keys.splice(0, old.length)
      keys.push(key)
    }
  }

  async #keys(container: string): Promise<BatchKey[]> {
    const known = this.#stored.get(container)
    if (known) return known
    const all = IDBKeyRange.bound([container], [container, []])
    const keys = await this.#database.run<IDBValidKey[]>(['logs'], 'readonly', (store) =>
      store('logs').getAllKeys(all),
    )
    this.#stored.set(container, keys as BatchKey[])
    return keys as BatchKey[]
  }

  async flush(): Promise<void> {
    await this.#writing
    const failure = this.#failure
    this.#failure = undefined
    // An EngineError, of the database.
    if (failure !== undefined) throw failure as Error
  }

  async *read(container: string): AsyncGenerator<LogEntry> {
    await this.#writing
    // A copy: what is written meanwhile is no part of it.
    const keys = (await this.#keys(container)).slice()
    for (const key of keys) {
      const batch = await this.#database.run<LogEntry[] | undefined>(
        ['logs'],
        'readonly',
        (store) => store('logs').get(key),
      )
      // Missing: over the bound by now.
      yield* batch ?? []
    }
  }

  async delete(container: string): Promise<void> {
    this.#waiting.delete(container)
    await this.#writing
    this.#stored.delete(container)
    await this.#guard(() =>
      this.#database.run(['logs'], 'readwrite', (store) =>
        store('logs').delete(IDBKeyRange.bound([container], [container, []])),
      ),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
  }
}

const sizeOf = (entries: readonly LogEntry[]): number =>
  entries.reduce((sum, { bytes }) => sum + bytes.length + 100, 0)

function* batchesOf(entries: readonly LogEntry[]): Generator<LogEntry[]> {
  let batch: LogEntry[] = []
  let size = 0
  for (const entry of entries) {
    batch.push(entry)
    size += entry.bytes.length + 100
    if (size < BATCH) continue
    yield batch
    batch = []
    size = 0
  }
  if (batch.length > 0) yield batch
}
