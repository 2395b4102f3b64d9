import type { Duplex } from '../../core/duplex.ts'
import type { EngineHandler, EngineRequest, EngineResponse } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import { arrivedError } from './carried-error.ts'
import { Inflow } from './inflow.ts'
import {
  CALLS_MAX,
  isHead,
  isMethod,
  parseHostMessage,
  type ClientMessage,
  type FlowMessage,
  type HostMessage,
} from './messages.ts'
import { Outflow, stoppedError, type Post } from './outflow.ts'

/** An engine at the other end of a port. Disposing it ends all that was asked, and the port. */
export interface EngineConnection extends Disposable {
  /** @throws EngineError `unavailable` when the port is closed; what the engine's own handler throws, with its code */
  readonly handler: EngineHandler
}

/** The client's end of a port (messages.ts). The port is the connection's from now on. */
export function connectEngine(port: MessagePort): EngineConnection {
  const calls = new Map<number, Call>()
  let last = 0
  let isClosed = false
  const post: Post<ClientMessage> = (message, transfer = []) => {
    if (!isClosed) port.postMessage(message, transfer)
  }
  const close = (reason: unknown): void => {
    if (isClosed) return
    post({ kind: 'close' })
    isClosed = true
    for (const call of calls.values()) call.lose(reason)
    calls.clear()
    port.close()
  }
  const receive = (data: unknown): void => {
    const message = parseHostMessage(data)
    if (message?.kind === 'close') close(gone('it was closed'))
    // What crossed the end of its call on the way is of no interest.
    else if (!message || message.id > last || calls.get(message.id)?.receive(message) === false) {
      close(gone('what it said is no answer'))
    }
  }
  port.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (!isClosed) receive(data)
  })
  port.addEventListener('messageerror', () => close(gone('a message could not be read')))
  port.addEventListener('close', () => close(gone('the port was closed')))
  port.start()
  return {
    handler: async (request) => {
      request.signal.throwIfAborted()
      if (isClosed) throw gone('the port was closed')
      if (!isMethod(request.method) || !isHead(request.path, request.headers)) {
        throw new EngineError('invalid-parameter', 'the request is too large or malformed')
      }
      if (calls.size >= CALLS_MAX) {
        throw new EngineError('unavailable', `${CALLS_MAX} requests are open already`)
      }
      const id = ++last
      const call = new Call(id, request, post, () => calls.delete(id))
      calls.set(id, call)
      return call.answer
    },
    [Symbol.dispose]: () => close(gone('the connection was closed')),
  }
}

const gone = (why: string): EngineError =>
  new EngineError('unavailable', `The engine can't be reached: ${why}`)

class Call {
  readonly #id: number
  readonly #post: Post<ClientMessage>
  readonly #signal: AbortSignal
  readonly #onOver: () => void
  readonly #sent: Outflow | undefined
  #body: Inflow | undefined
  #connection: { readonly input: Outflow; readonly output: Inflow } | undefined
  #phase: 'asked' | 'answered' | 'offered' | 'upgraded' | 'over' = 'asked'
  /** Why it ended before its time. */
  #lost: { readonly reason: unknown } | undefined
  #answer: (response: EngineResponse) => void = () => undefined
  #refuse: (reason: unknown) => void = () => undefined
  #done: () => void = () => undefined
  #breakOff: (reason: unknown) => void = () => undefined
  readonly answer: Promise<EngineResponse> = new Promise((resolve, reject) => {
    this.#answer = resolve
    this.#refuse = reject
  })
  readonly #abort = (): void => {
    this.#post({ kind: 'abort', id: this.#id })
    this.lose(this.#signal.reason)
  }

  constructor(
    id: number,
    { method, path, headers, body, signal }: EngineRequest,
    post: Post<ClientMessage>,
    onOver: () => void,
  ) {
    this.#id = id
    this.#post = post
    this.#signal = signal
    this.#onOver = onOver
    signal.addEventListener('abort', this.#abort, { once: true })
    post({ kind: 'request', id, method, path, headers, hasBody: body !== undefined })
    if (!body) return
    this.#sent = new Outflow(id, 'body', post)
    void this.#sent.send(body)
  }

  /** @returns false when the message can't be, as things are */
  receive(message: Exclude<HostMessage, { readonly kind: 'close' }>): boolean {
    switch (message.kind) {
      case 'response':
        return this.#respond(message)
      case 'broken':
        this.lose(arrivedError(message.error))
        return true
      case 'done':
        if (this.#phase !== 'upgraded') return false
        this.#connection?.output.end()
        this.#done()
        this.#over(stoppedError())
        return true
      default:
        return this.#flow(message)
    }
  }

  #respond({ status, headers, follows }: HostMessage & { readonly kind: 'response' }): boolean {
    if (this.#phase !== 'asked') return false
    switch (follows) {
      case 'nothing':
        this.#answer({ status, headers })
        this.#over(stoppedError())
        return true
      case 'body': {
        this.#phase = 'answered'
        // A reader that leaves has ended the call; it is over here at once, and there when it hears of it.
        this.#body = new Inflow(this.#id, 'body', (message) => {
          this.#post(message)
          if (message.kind === 'stop') this.#over(stoppedError())
        })
        this.#answer({ status, headers, body: this.#body.readable })
        return true
      }
      case 'connection':
        this.#phase = 'offered'
        this.#answer({ status, headers, upgrade: (user) => this.#upgrade(user) })
        return true
    }
  }

  async #upgrade(user: Duplex): Promise<void> {
    if (this.#lost) throw this.#lost.reason
    if (this.#phase !== 'offered') throw new Error('the connection was taken over already')
    this.#phase = 'upgraded'
    const input = new Outflow(this.#id, 'connection', this.#post)
    const output = new Inflow(this.#id, 'connection', this.#post)
    this.#connection = { input, output }
    const done = new Promise<void>((resolve, reject) => {
      this.#done = resolve
      this.#breakOff = reject
    })
    this.#post({ kind: 'upgrade', id: this.#id })
    void input.send(user.readable)
    // A user who reads no more has told the engine; the call goes on until it is done.
    const shown = output.readable.pipeTo(user.writable).catch(() => undefined)
    await done
    await shown
  }

  #flow(message: FlowMessage): boolean {
    const output = message.flow === 'body' ? this.#body : this.#connection?.output
    const input = message.flow === 'body' ? this.#sent : this.#connection?.input
    switch (message.kind) {
      case 'chunk':
        return output?.chunk(message.bytes) ?? false
      case 'end':
        output?.end()
        if (message.flow === 'body') this.#over(stoppedError())
        return output !== undefined
      case 'fail':
        output?.fail(arrivedError(message.error))
        if (message.flow === 'body') this.#over(stoppedError())
        return output !== undefined
      case 'credit':
        return input?.credit(message.cost) ?? false
      case 'stop':
        input?.stop(stoppedError())
        return input !== undefined
    }
  }

  /** It ended before its time. */
  lose(reason: unknown): void {
    this.#lost = { reason }
    this.#refuse(reason)
    this.#body?.abort(reason)
    this.#connection?.output.abort(reason)
    this.#breakOff(reason)
    this.#over(reason)
  }

  #over(reason: unknown): void {
    this.#phase = 'over'
    this.#signal.removeEventListener('abort', this.#abort)
    this.#sent?.stop(reason)
    this.#connection?.input.stop(reason)
    this.#onOver()
  }
}
