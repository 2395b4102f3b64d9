/** One holder at a time, in the order of asking. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve()

  /**
   * `using lock = await mutex.lock()`
   * @throws the signal's reason when aborted while waiting
   */
  async lock(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted()
    const before = this.#tail
    let release = (): void => undefined
    const mine = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#tail = before.then(() => mine)
    try {
      await (signal ? unlessAborted(before, signal) : before)
    } catch (error) {
      release()
      throw error
    }
    return { [Symbol.dispose]: release }
  }
}

function unlessAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', leave, { once: true })
    const enter = (): void => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    void turn.then(enter)
  })
}

/** A mutex for each key, kept while it is held or waited for. */
export class KeyedMutex {
  readonly #entries = new Map<string, { mutex: Mutex; users: number }>()

  async lock(key: string, signal?: AbortSignal): Promise<Disposable> {
    const entry = this.#entries.get(key) ?? { mutex: new Mutex(), users: 0 }
    this.#entries.set(key, entry)
    entry.users++
    const leave = (): void => {
      if (--entry.users === 0) this.#entries.delete(key)
    }
    try {
      const held = await entry.mutex.lock(signal)
      return {
        [Symbol.dispose]: () => {
          held[Symbol.dispose]()
          leave()
        },
      }
    } catch (error) {
      leave()
      throw error
    }
  }
}
