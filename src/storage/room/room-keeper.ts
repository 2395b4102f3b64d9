import { EngineError } from '../../core/error.ts'
import { NoSpaceError } from '../../core/no-space.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StorageRoom } from '../../ports/storage-room.ts'
import type { Reserve } from './reserve.ts'

/** Attempts of one write: Firefox fails once more after a failure, and needs room to make room. */
const ATTEMPTS = 4
/** Milliseconds between looks for room while there is none: they write a lot, so they become seldom. */
const LOOK_FIRST = 2000
const LOOK_LAST = 30_000
/** Milliseconds after which the reserve is made: what a visitor waits for comes first. */
const FILL_AFTER = 8000

/**
 * Writes that must not be lost go through here. When the store is full, or fails again and again, it says so, gives up a
 * reserve so that something can be freed, and tells when there is room for the reserve again.
 */
export class RoomKeeper implements StorageRoom, AsyncDisposable {
  readonly #reserve: Reserve
  readonly #clock: Clock
  readonly #listeners = new Set<(trouble: string | undefined) => void>()
  readonly #stop = new AbortController()
  #trouble: string | undefined
  /** The store failed otherwise than by being full: any write that works ends that. */
  #broken = false
  #filling: AbortController | undefined
  /** One call of the reserve after the other. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(reserve: Reserve, clock: Clock) {
    this.#reserve = reserve
    this.#clock = clock
  }

  /** Make the reserve, in a while. */
  begin(): void {
    const begin = async (): Promise<void> => {
      await this.#clock.sleep(FILL_AFTER, this.#stop.signal)
      if (this.#trouble !== undefined || (await this.#fill())) return
      // As little as the host gives, a part of it is better than nothing.
      if (this.#trouble === undefined) await this.#inTurn(() => this.#reserve.shrink())
    }
    // It is tried again when something needs it.
    begin().catch(() => undefined)
  }

  get trouble(): string | undefined {
    return this.#trouble
  }

  get reserved(): number {
    return this.#reserve.size
  }

  watch(listener: (trouble: string | undefined) => void): void {
    this.#listeners.add(listener)
    if (this.#trouble !== undefined) listener(this.#trouble)
  }

  /** @throws what the last attempt threw */
  async write<Result>(attempt: () => Promise<Result>): Promise<Result> {
    const low = this.#reserve.probe()
    if (low !== undefined) this.#enter(low, false)
    for (let count = 1; ; count++) {
      try {
        const result = await attempt()
        if (this.#broken) this.#leave()
        return result
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'unavailable') throw error
        if (this.#stop.signal.aborted) throw error
        const full = error instanceof NoSpaceError
        if (full || count === ATTEMPTS) this.#enter(error.message, !full)
        if (count === ATTEMPTS) throw error
        if (full) await this.#giveUp()
      }
    }
  }

  /** Something may have been freed. */
  async check(): Promise<void> {
    if (this.#trouble === undefined || this.#filling) return
    if (await this.#fill().catch(() => false)) this.#leave()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#filling?.abort()
    await this.#queue
  }

  #enter(reason: string, broken: boolean): void {
    if (this.#trouble !== undefined) {
      this.#broken &&= broken
      return
    }
    this.#trouble = reason
    this.#broken = broken
    this.#tell()
    // It ends by itself when there is room, and with the keeper.
    this.#look().catch(() => undefined)
  }

  #leave(): void {
    if (this.#trouble === undefined || this.#stop.signal.aborted) return
    this.#trouble = undefined
    this.#broken = false
    this.#tell()
  }

  async #look(): Promise<void> {
    for (let pause = LOOK_FIRST; ; pause = Math.min(2 * pause, LOOK_LAST)) {
      await this.#clock.sleep(pause, this.#stop.signal)
      if (this.#trouble === undefined) return
      await this.check()
    }
  }

  /** @returns whether the reserve is whole */
  async #fill(): Promise<boolean> {
    const filling = new AbortController()
    this.#filling = filling
    try {
      return await this.#inTurn(async () => {
        const whole = await this.#reserve.fill(filling.signal)
        // What is left of it must not be in the way of who frees something.
        if (!whole && this.#trouble !== undefined) await this.#reserve.release()
        return whole
      })
    } finally {
      this.#filling = undefined
    }
  }

  async #giveUp(): Promise<void> {
    this.#filling?.abort()
    // The next attempt says whether it helped.
    await this.#inTurn(() => this.#reserve.release()).catch(() => undefined)
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => undefined)
    return done
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#trouble)
  }
}
