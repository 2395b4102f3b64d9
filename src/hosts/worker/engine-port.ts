import type { EngineHandler } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import { carryError } from '../../link/engine/carried-error.ts'
import { CALLS_MAX, parseClientMessage, type HostMessage } from '../../link/engine/messages.ts'
import type { Post } from '../../link/engine/outflow.ts'
import { EngineCall } from './engine-call.ts'

/** Handlers of one port at work at once, at most: one whose client has left may take a while to stop. */
const WORKING_MAX = 2 * CALLS_MAX

/**
 * The engine's end of a port (link/engine/messages.ts). Whoever holds the other end is a stranger: a message that can't be is the
 * end of the port. What it has begun is aborted with it.
 */
export class EnginePort implements Disposable {
  readonly #port: MessagePort
  readonly #handler: EngineHandler
  readonly #requestId: () => string
  readonly #calls = new Map<number, EngineCall>()
  #last = 0
  #working = 0
  #isClosed = false
  #tellClosed: () => void = () => undefined
  /** Resolves when the port is closed, by whichever end. */
  readonly closed: Promise<void> = new Promise((resolve) => (this.#tellClosed = resolve))

  constructor(port: MessagePort, handler: EngineHandler, requestId: () => string) {
    this.#port = port
    this.#handler = handler
    this.#requestId = requestId
    port.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (!this.#isClosed && !this.#receive(data)) this[Symbol.dispose]()
    })
    port.addEventListener('messageerror', () => this[Symbol.dispose]())
    // Where a browser has no such event, a page says that it goes, or takes its worker with it.
    port.addEventListener('close', () => this[Symbol.dispose]())
    port.start()
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return
    this.#post({ kind: 'close' })
    this.#isClosed = true
    for (const call of this.#calls.values()) call.abort()
    this.#calls.clear()
    this.#port.close()
    this.#tellClosed()
  }

  readonly #post: Post<HostMessage> = (message, transfer = []) => {
    if (!this.#isClosed) this.#port.postMessage(message, transfer)
  }

  /** @returns false when the message can't be, as things are */
  #receive(data: unknown): boolean {
    const message = parseClientMessage(data)
    if (!message || message.kind === 'close') return false
    const { id } = message
    if (message.kind !== 'request') {
      if (id > this.#last) return false
      // What crossed the end of its call on the way is of no interest.
      return this.#calls.get(id)?.receive(message) ?? true
    }
    if (id <= this.#last || this.#calls.size >= CALLS_MAX) return false
    this.#last = id
    if (this.#working >= WORKING_MAX) {
      const error = new EngineError('unavailable', 'too many requests are being aborted')
      this.#post({ kind: 'broken', id, error: carryError(error) })
      return true
    }
    const call = new EngineCall(message, this.#requestId(), this.#post, () =>
      this.#calls.delete(id),
    )
    this.#calls.set(id, call)
    this.#working++
    void call.run(this.#handler).finally(() => this.#working--)
    return true
  }
}
