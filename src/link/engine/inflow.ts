import { costOf, WINDOW, type FlowMessage, type FlowName } from './messages.ts'
import { stoppedError, type Post } from './outflow.ts'

/** The reading end of a flow. It keeps what has come until it is read, `WINDOW` at most. */
export class Inflow {
  readonly #id: number
  readonly #flow: FlowName
  readonly #post: Post<FlowMessage>
  readonly readable: ReadableStream<Uint8Array>
  readonly #chunks: Uint8Array<ArrayBuffer>[] = []
  /** Cost of what has come and was not credited: unread, or read a moment ago. */
  #held = 0
  /** Cost of what was read and is to be credited. */
  #owed = 0
  #end: { readonly error?: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(id: number, flow: FlowName, post: Post<FlowMessage>) {
    this.#id = id
    this.#flow = flow
    this.#post = post
    this.readable = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => this.stop(),
      },
      { highWaterMark: 0 },
    )
  }

  /** @returns false when there is more than the window holds */
  chunk(bytes: ArrayBuffer): boolean {
    if (this.#end) return true
    const chunk = new Uint8Array(bytes)
    if (this.#held + costOf(chunk) > WINDOW) return false
    this.#held += costOf(chunk)
    this.#chunks.push(chunk)
    this.#next()
    return true
  }

  /** No more comes; what has come can still be read. */
  end(): void {
    this.#end ??= {}
    this.#next()
  }

  /** It broke after what has come. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#next()
  }

  /** It is over now: what is unread is lost. */
  abort(reason: unknown): void {
    this.#chunks.length = 0
    this.#end = { error: reason }
    this.#next()
  }

  /** No more is wanted: the other side is told. */
  stop(): void {
    if (!this.#end) this.#post({ kind: 'stop', id: this.#id, flow: this.#flow })
    this.abort(stoppedError())
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#chunks.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const chunk = this.#chunks.shift()
    if (chunk) {
      this.#credit(costOf(chunk))
      controller.enqueue(chunk)
    } else if (this.#end && 'error' in this.#end) throw this.#end.error
    else controller.close()
  }

  /** In few messages: a writer that waits for room has three quarters of the window under way. */
  #credit(cost: number): void {
    this.#owed += cost
    if (this.#end || this.#owed < WINDOW / 4) return
    this.#held -= this.#owed
    this.#post({ kind: 'credit', id: this.#id, flow: this.#flow, cost: this.#owed })
    this.#owed = 0
  }

  #next(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
