/** So many holders at once, in the order of asking. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  get full(): boolean {
    return this.#free === 0
  }

  /**
   * `using place = await slots.take()`
   * @throws the signal's reason when aborted while waiting
   */
  async take(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#turn(signal)
    return {
      [Symbol.dispose]: () => {
        // Handed on, so that nobody overtakes who waits.
        const next = this.#waiting.shift()
        if (next) next()
        else this.#free++
      },
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1)
        reject(signal?.reason as Error)
      }
      this.#waiting.push(turn)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }
}
