import type { LogEntry } from '../../ports/log-store.ts'

/** Bytes that wait for a follower; one that is slower reads the store again. */
const queueSize = 1024 * 1024

/** Reads a log as it grows. */
export class LogFollower {
  readonly #leave: () => void
  #queue: LogEntry[] = []
  #size = 0
  #lost = false
  #ended = false
  #wake: (() => void) | undefined

  constructor(leave: () => void) {
    this.#leave = leave
  }

  push(entries: readonly LogEntry[]): void {
    if (this.#lost) return
    for (const entry of entries) this.#size += entry.bytes.length
    if (this.#size > queueSize) {
      this.#lost = true
      this.#queue = []
    } else this.#queue.push(...entries)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** New entries; `lost` when some are only in the store; undefined at the end. */
  async next(signal: AbortSignal): Promise<readonly LogEntry[] | 'lost' | undefined> {
    for (;;) {
      if (signal.aborted) return undefined
      if (this.#lost) {
        this.#lost = false
        this.#size = 0
        return 'lost'
      }
      if (this.#queue.length > 0) {
        const entries = this.#queue
        this.#queue = []
        this.#size = 0
        return entries
      }
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#wake = undefined
          signal.removeEventListener('abort', wake)
          resolve()
        }
        this.#wake = wake
        signal.addEventListener('abort', wake, { once: true })
      })
    }
  }

  [Symbol.dispose](): void {
    this.#leave()
  }
}

/** Who follows the log of a container's present run. */
export class LogFollowers {
  readonly #followers = new Set<LogFollower>()

  follow(): LogFollower {
    const follower = new LogFollower(() => this.#followers.delete(follower))
    this.#followers.add(follower)
    return follower
  }

  push(entries: readonly LogEntry[]): void {
    for (const follower of this.#followers) follower.push(entries)
  }

  end(): void {
    for (const follower of this.#followers) follower.end()
    this.#followers.clear()
  }
}
