import type { LogEntry, LogStore } from '../ports/log-store.ts'

const BOUND = 4 << 20

interface Log {
  entries: LogEntry[]
  size: number
}

/** Logs that end with the page: for tests, and where the browser keeps nothing. */
export class MemoryLogStore implements LogStore {
  readonly #bound: number
  readonly #logs = new Map<string, Log>()

  /** @param bound bytes kept of each container's log; default 4 MiB */
  constructor(bound: number = BOUND) {
    this.#bound = bound
  }

  append(container: string, entries: readonly LogEntry[]): void {
    const log = this.#logs.get(container) ?? { entries: [], size: 0 }
    this.#logs.set(container, log)
    for (const entry of entries) {
      log.entries.push({ ...entry, bytes: entry.bytes.slice() })
      log.size += entry.bytes.length
    }
    if (log.size <= this.#bound) return
    let drop = 0
    // Half at once, so that it isn't done for each entry.
    while (log.size > this.#bound / 2 && drop < log.entries.length - 1)
      log.size -= log.entries[drop++]?.bytes.length ?? 0
    log.entries = log.entries.slice(drop)
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  async *read(container: string): AsyncGenerator<LogEntry> {
    // A copy: what is appended meanwhile is no part of it.
    yield* this.#logs.get(container)?.entries.slice() ?? []
  }

  delete(container: string): Promise<void> {
    this.#logs.delete(container)
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}
