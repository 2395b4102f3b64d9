import type { Duplex } from '../../core/duplex.ts'
import type { EngineHandler, EngineRequest, EngineResponse } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import { arrivedError, carryError } from '../../link/engine/carried-error.ts'
import { Inflow } from '../../link/engine/inflow.ts'
import type { ClientMessage, FlowMessage, HostMessage } from '../../link/engine/messages.ts'
import { Outflow, stoppedError, type Post } from '../../link/engine/outflow.ts'

type Asked = ClientMessage & { readonly kind: 'request' }
type Later = Exclude<ClientMessage, Asked | { readonly kind: 'close' }>

/** One request of a port's client, from its head to the end of its answer. */
export class EngineCall {
  readonly #id: number
  readonly #request: EngineRequest
  readonly #post: Post<HostMessage>
  readonly #onOver: () => void
  readonly #gone = new AbortController()
  readonly #body: Inflow | undefined
  #answer: Outflow | undefined
  #connection: { readonly input: Inflow; readonly output: Outflow } | undefined
  /** Set while the client may take the connection over. */
  #take: ((connection: Duplex | undefined) => void) | undefined
  #isOver = false

  constructor(
    { id, method, path, headers, hasBody }: Asked,
    requestId: string,
    post: Post<HostMessage>,
    onOver: () => void,
  ) {
    this.#id = id
    this.#post = post
    this.#onOver = onOver
    this.#body = hasBody ? new Inflow(id, 'body', post) : undefined
    this.#request = {
      method,
      path,
      headers,
      ...(this.#body && { body: this.#body.readable }),
      signal: this.#gone.signal,
      id: requestId,
    }
  }

  /** Resolves when the engine is done with it, even if the client has left before. Never rejects. */
  async run(handler: EngineHandler): Promise<void> {
    try {
      await this.#send(await handler(this.#request))
    } catch (error) {
      if (!this.#isOver) this.#post({ kind: 'broken', id: this.#id, error: carryError(error) })
    }
    this.#over()
  }

  async #send({ status, headers, body, upgrade }: EngineResponse): Promise<void> {
    if (this.#isOver) {
      await body?.cancel(this.#gone.signal.reason)
      return
    }
    const head = { kind: 'response', id: this.#id, status, headers } as const
    if (upgrade) {
      const taken = new Promise<Duplex | undefined>((resolve) => (this.#take = resolve))
      this.#post({ ...head, follows: 'connection' })
      const connection = await taken
      if (!connection) return
      await upgrade(connection)
      const { writable } = connection
      // An engine that is done without an end of its own has written all the same.
      if (!writable.locked) await writable.close().catch(() => undefined)
      if (!this.#isOver) this.#post({ kind: 'done', id: this.#id })
    } else if (body) {
      this.#answer = new Outflow(this.#id, 'body', this.#post)
      this.#post({ ...head, follows: 'body' })
      await this.#answer.send(body)
    } else this.#post({ ...head, follows: 'nothing' })
  }

  /** @returns false when the message can't be, as things are */
  receive(message: Later): boolean {
    switch (message.kind) {
      case 'abort':
        this.abort()
        return true
      case 'upgrade': {
        const take = this.#take
        if (!take) return false
        this.#take = undefined
        const input = new Inflow(this.#id, 'connection', this.#post)
        const output = new Outflow(this.#id, 'connection', this.#post)
        this.#connection = { input, output }
        take({ readable: input.readable, writable: output.writable() })
        return true
      }
      default:
        return this.#flow(message)
    }
  }

  /** The client has gone. */
  abort(): void {
    if (this.#isOver) return
    const reason = new EngineError('unavailable', 'the client has gone')
    this.#gone.abort(reason)
    this.#body?.abort(reason)
    this.#answer?.stop(reason)
    this.#connection?.input.abort(reason)
    this.#connection?.output.stop(reason)
    this.#over()
  }

  #flow(message: FlowMessage): boolean {
    const input = message.flow === 'body' ? this.#body : this.#connection?.input
    const output = message.flow === 'body' ? this.#answer : this.#connection?.output
    switch (message.kind) {
      case 'chunk':
        return input?.chunk(message.bytes) ?? false
      case 'end':
        input?.end()
        return input !== undefined
      case 'fail':
        input?.fail(arrivedError(message.error))
        return input !== undefined
      case 'credit':
        return output?.credit(message.cost) ?? false
      case 'stop':
        output?.stop(stoppedError())
        // A reader of the answer that leaves has ended the call.
        if (message.flow === 'body') this.#over()
        return output !== undefined
    }
  }

  /** What is left of the request's body is nobody's. */
  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#body?.abort(stoppedError())
    this.#take?.(undefined)
    this.#onOver()
  }
}
