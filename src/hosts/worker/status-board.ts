import type { PlaygroundStatus } from '../../link/playground.ts'

/** At most this often, in milliseconds, is the page told. */
const PACE = 100

/** Collects what the status line shows and tells the page of changes, not more often than an eye can follow. */
export class StatusBoard implements Disposable {
  readonly #tell: (status: PlaygroundStatus) => void
  #status: PlaygroundStatus = {
    machine: { phase: 'loading', loadedBytes: 0, totalBytes: 0 },
    pulls: [],
  }
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(tell: (status: PlaygroundStatus) => void) {
    this.#tell = tell
  }

  get status(): PlaygroundStatus {
    return this.#status
  }

  /** A new phase of the machine is told at once. */
  update(change: Partial<PlaygroundStatus>): void {
    const { phase } = this.#status.machine
    this.#status = { ...this.#status, ...change }
    if (this.#status.machine.phase !== phase) {
      this.#tell(this.#status)
      return
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#tell(this.#status)
    }, PACE)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
