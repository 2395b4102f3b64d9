/** `setImmediate` of Node; typed here, as this layer knows no host. */
const immediate = (
  globalThis as {
    readonly setImmediate?: (callback: () => void) => { readonly unref?: () => void }
  }
).setImmediate

/**
 * Gives the emulated CPU its turns: v86's own way needs a helper worker from a `blob:` URL, which a strict CSP forbids
 * (and then it never ticks, without an error).
 *
 * One turn is pending at most. Node takes setImmediate: its MessagePort handles up to 1000 messages before sockets and
 * timers get a chance, which is a second of emulation.
 */
export class Scheduler implements Disposable {
  readonly #run: (tick: number) => void
  readonly #channel: MessageChannel | undefined
  #tick = 0
  /** Whether a turn without delay is on its way. */
  #posted = false
  #due = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #disposed = false

  /** @param run called with the tick of the last `schedule` */
  constructor(run: (tick: number) => void) {
    this.#run = run
    if (immediate === undefined) {
      this.#channel = new MessageChannel()
      this.#channel.port1.addEventListener('message', () => this.#turn())
      this.#channel.port1.start()
    }
  }

  /** Replaces what was scheduled before. */
  schedule(milliseconds: number, tick: number): void {
    if (this.#disposed) return
    this.#tick = tick
    this.#clearTimer()
    this.#due = milliseconds < 1
    if (!this.#due) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#run(tick)
      }, milliseconds)
    } else if (!this.#posted) {
      this.#posted = true
      if (this.#channel) this.#channel.port2.postMessage(0)
      else immediate?.(() => this.#turn())
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#clearTimer()
    this.#channel?.port1.close()
    this.#channel?.port2.close()
  }

  #turn(): void {
    this.#posted = false
    if (this.#due && !this.#disposed) {
      this.#due = false
      this.#run(this.#tick)
    }
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
