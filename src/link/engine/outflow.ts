import { arrivedError, carryError } from './carried-error.ts'
import { CHUNK_MAX, costOf, WINDOW, type FlowMessage, type FlowName } from './messages.ts'

/** Posts a message, and gives its buffers away. */
export type Post<M> = (message: M, transfer?: Transferable[]) => void

/** Why what was written goes nowhere. */
export const stoppedError = (): Error =>
  arrivedError({ name: 'AbortError', message: 'the other side wants no more' })

/** The writing end of a flow: what is written waits for room in the window. Nothing is posted after its end. */
export class Outflow {
  readonly #id: number
  readonly #flow: FlowName
  readonly #post: Post<FlowMessage>
  #underWay = 0
  #roomFor: (() => void) | undefined
  #state: 'open' | 'ended' | { readonly reason: unknown } = 'open'
  #onStop: (reason: unknown) => void = () => undefined

  constructor(id: number, flow: FlowName, post: Post<FlowMessage>) {
    this.#id = id
    this.#flow = flow
    this.#post = post
  }

  /** Resolves when all is posted; the last `WINDOW` may still be on its way. One at a time. @throws why nothing is wanted any more */
  async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += CHUNK_MAX) {
      // A copy: the writer's buffer is not ours to give away.
      const chunk = bytes.slice(start, start + CHUNK_MAX)
      const cost = costOf(chunk)
      while (this.#state === 'open' && this.#underWay + cost > WINDOW) {
        await new Promise<void>((resolve) => (this.#roomFor = resolve))
      }
      if (this.#state !== 'open') throw this.#reason
      this.#underWay += cost
      const { buffer } = chunk
      this.#post({ kind: 'chunk', id: this.#id, flow: this.#flow, bytes: buffer }, [buffer])
    }
    if (this.#state !== 'open') throw this.#reason
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#post({ kind: 'end', id: this.#id, flow: this.#flow })
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#state = { reason: error }
    this.#post({ kind: 'fail', id: this.#id, flow: this.#flow, error: carryError(error) })
    this.#wake()
  }

  /** @returns false when so much was not under way */
  credit(cost: number): boolean {
    if (cost > this.#underWay) return false
    this.#underWay -= cost
    this.#wake()
    return true
  }

  /** Nothing is wanted any more: whatever is written fails. */
  stop(reason: unknown): void {
    if (this.#state !== 'open') return
    this.#state = { reason }
    this.#wake()
    this.#onStop(reason)
  }

  /** Write all that a source has, and its end. A stop cancels the source. Never rejects. */
  async send(source: ReadableStream<Uint8Array>): Promise<void> {
    const reader = source.getReader()
    this.#onStop = (reason) => void reader.cancel(reason).catch(() => undefined)
    if (this.#state !== 'open') this.#onStop(this.#reason)
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        await this.write(value)
      }
      this.end()
    } catch (error) {
      this.fail(error)
    }
  }

  /** A stream whose writes wait for room. */
  writable(): WritableStream<Uint8Array> {
    return new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#onStop = (reason) => controller.error(reason)
      },
      write: (bytes) => this.write(bytes),
      close: () => this.end(),
      abort: (reason) => this.fail(reason),
    })
  }

  get #reason(): unknown {
    return typeof this.#state === 'object' ? this.#state.reason : stoppedError()
  }

  #wake(): void {
    this.#roomFor?.()
    this.#roomFor = undefined
  }
}
