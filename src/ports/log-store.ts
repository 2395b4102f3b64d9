/** One json-file style log line or part of one. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr'
  /** RFC 3339 with nine digits of nanoseconds, UTC. */
  readonly time: string
  readonly bytes: Uint8Array
}

/** Containers' logs. Whoever creates a store disposes it. */
export interface LogStore extends AsyncDisposable {
  /** Append in order. May be buffered; `flush` makes it durable. Oldest entries go when over the store's bound per container. */
  append(container: string, entries: readonly LogEntry[]): void
  flush(): Promise<void>
  /** Entries in order, oldest first. */
  read(container: string): AsyncIterable<LogEntry>
  delete(container: string): Promise<void>
}
