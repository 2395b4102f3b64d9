import { EngineError } from '../core/error.ts'

export interface FreezerCalls {
  pause(container: string): Promise<void>
  resume(container: string): Promise<void>
  onError(error: unknown): void
}

/**
 * Stops all containers while the disk takes nothing: they go on where they were. Who was paused by the user stays paused.
 */
export class Freezer {
  readonly #calls: FreezerCalls
  readonly #running = new Set<string>()
  readonly #paused = new Set<string>()
  /** Those that it has stopped. */
  readonly #frozen = new Set<string>()
  #reason: string | undefined
  #queue: Promise<void> = Promise.resolve()

  constructor(calls: FreezerCalls) {
    this.#calls = calls
  }

  /** @throws EngineError `unavailable` while everything is stopped: nothing can be started */
  check(): void {
    if (this.#reason === undefined) return
    throw new EngineError(
      'unavailable',
      `${this.#reason}. Containers wait until there is room; \`docker system prune\` frees some`,
    )
  }

  /** @param exited settles at the end of its process */
  started(container: string, exited: Promise<unknown>): void {
    this.#running.add(container)
    const forget = (): void => {
      for (const set of [this.#running, this.#paused, this.#frozen]) set.delete(container)
    }
    exited.then(forget, forget)
    // It was on its way when all others were stopped.
    if (this.#reason !== undefined) this.#settle()
  }

  async pause(container: string): Promise<void> {
    if (!this.#frozen.has(container)) await this.#calls.pause(container)
    this.#frozen.delete(container)
    this.#paused.add(container)
  }

  async resume(container: string): Promise<void> {
    if (this.#reason === undefined) await this.#calls.resume(container)
    else this.#frozen.add(container)
    this.#paused.delete(container)
  }

  /** @param reason a sentence without its full stop; undefined: all goes on */
  set(reason: string | undefined): void {
    this.#reason = reason
    this.#settle()
  }

  /** Resolves when all is as it was set last. */
  get settled(): Promise<void> {
    return this.#queue
  }

  #settle(): void {
    this.#queue = this.#queue.then(() => this.#apply())
  }

  async #apply(): Promise<void> {
    const stop = this.#reason !== undefined
    const targets = stop
      ? [...this.#running].filter((id) => !this.#frozen.has(id) && !this.#paused.has(id))
      : [...this.#frozen]
    await Promise.all(
      targets.map(async (container) => {
        try {
          await (stop ? this.#calls.pause(container) : this.#calls.resume(container))
          if (!stop) this.#frozen.delete(container)
          else if (this.#running.has(container)) this.#frozen.add(container)
        } catch (error) {
          // It has ended meanwhile, or the guest has.
          if (this.#running.has(container)) this.#calls.onError(error)
        }
      }),
    )
  }
}
