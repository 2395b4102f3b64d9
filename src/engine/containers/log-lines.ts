import type { LogEntry } from '../../ports/log-store.ts'

/** A longer line is logged in parts (moby daemon/logger/copier.go). */
const partSize = 16 * 1024
const newline = 10

/** Cuts output into log entries: a line with its newline, or a part of a long one. */
export class LogLines {
  readonly #time: () => string
  readonly #rest = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] }
  readonly #size = { stdout: 0, stderr: 0 }

  constructor(time: () => string) {
    this.#time = time
  }

  /** Entries that are complete now. */
  push(stream: 'stdout' | 'stderr', chunk: Uint8Array): LogEntry[] {
    const entries: LogEntry[] = []
    let from = 0
    while (from < chunk.length) {
      const room = partSize - this.#size[stream]
      const end = chunk.indexOf(newline, from) + 1 || chunk.length
      const to = Math.min(end, from + room)
      const piece = chunk.slice(from, to)
      from = to
      if (this.#size[stream] === 0 && (piece.at(-1) === newline || piece.length === partSize)) {
        entries.push({ stream, time: this.#time(), bytes: piece })
        continue
      }
      this.#rest[stream].push(piece)
      this.#size[stream] += piece.length
      if (piece.at(-1) === newline || this.#size[stream] === partSize) {
        entries.push(this.#take(stream))
      }
    }
    return entries
  }

  /** What is left at the end of the output. */
  end(): LogEntry[] {
    return (['stdout', 'stderr'] as const)
      .filter((stream) => this.#size[stream] > 0)
      .map((stream) => this.#take(stream))
  }

  #take(stream: 'stdout' | 'stderr'): LogEntry {
    const pieces = this.#rest[stream]
    const bytes = new Uint8Array(this.#size[stream])
    let at = 0
    for (const piece of pieces) {
      bytes.set(piece, at)
      at += piece.length
    }
    this.#rest[stream] = []
    this.#size[stream] = 0
    return { stream, time: this.#time(), bytes }
  }
}
