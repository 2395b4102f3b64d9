import type { Clock } from '../ports/clock.ts'

export interface LogLine {
  /** RFC 3339 */
  readonly time: string
  /** Request that caused it. */
  readonly request?: string
  readonly text: string
  /** Milliseconds of each stage. */
  readonly stages?: Readonly<Record<string, number>>
}

/** The engine's own log: the last lines, in memory. */
export class LogRing {
  readonly #clock: Clock
  readonly #capacity: number
  #lines: LogLine[] = []

  constructor(clock: Clock, capacity = 1000) {
    this.#clock = clock
    this.#capacity = capacity
  }

  add(text: string, details: Pick<LogLine, 'request' | 'stages'> = {}): void {
    this.#lines.push({ time: new Date(this.#clock.now()).toISOString(), text, ...details })
    // Trimmed seldom: moving a thousand lines for each new one would show in every request.
    if (this.#lines.length > this.#capacity * 2) this.#lines = this.#lines.slice(-this.#capacity)
  }

  /** Oldest first. */
  lines(): readonly LogLine[] {
    return this.#lines.slice(-this.#capacity)
  }
}
