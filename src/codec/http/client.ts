import type { Duplex } from '../../core/duplex.ts'
import { EngineError } from '../../core/error.ts'
import {
  HttpConnection,
  StaleConnection,
  type HttpRequest,
  type HttpResponse,
} from './connection.ts'

export interface HttpClientOptions {
  /** @throws EngineError `unavailable` */
  readonly dial: (signal: AbortSignal) => Promise<Duplex>
  /** Connections at once; requests beyond wait. */
  readonly connections: number
  /** Requests that may wait; those beyond are refused. */
  readonly waiting: number
  /** Connections that are kept while nothing is asked. */
  readonly idle: number
  /** Milliseconds, monotonic. */
  readonly now: () => number
}

/** Safe to send twice (RFC 9110, 9.2.2). */
const IDEMPOTENT = /^(GET|HEAD|OPTIONS|PUT|DELETE|TRACE)$/

/** Requests to one server over connections that are kept. Disposing it closes them. */
export class HttpClient implements Disposable {
  readonly #options: HttpClientOptions
  readonly #connections = new Set<HttpConnection>()
  /** Idle ones with the time since when, the last used at the end. */
  readonly #idle = new Map<HttpConnection, number>()
  readonly #waiting = new Set<() => void>()
  readonly #stop = new AbortController()
  #dialling = 0

  constructor(options: HttpClientOptions) {
    this.#options = options
  }

  /** Connections that are open or being made. */
  get open(): number {
    return this.#connections.size + this.#dialling
  }

  /**
   * Send a request and wait for the answer's head.
   * @throws EngineError `unavailable` when the server can't be reached or too much is asked at once, `invalid-parameter` for an
   * answer that isn't HTTP
   */
  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    for (;;) {
      const connection = await this.#connection(signal)
      const isKept = connection.served > 0
      try {
        return await connection.request(request, signal)
      } catch (error) {
        const isRepeatable = isKept && !request.body && IDEMPOTENT.test(request.method)
        if (!(error instanceof StaleConnection) || !isRepeatable) throw error
      }
    }
  }

  /** Close connections that nobody has used for so many milliseconds. */
  closeIdle(milliseconds: number): void {
    const before = this.#options.now() - milliseconds
    for (const [connection, since] of this.#idle) if (since <= before) connection.close()
  }

  [Symbol.dispose](): void {
    this.#stop.abort(new EngineError('unavailable', 'The connection was closed'))
    for (const connection of this.#connections) connection.close(this.#stop.signal.reason)
    this.#wake(this.#waiting.size)
  }

  async #connection(signal: AbortSignal): Promise<HttpConnection> {
    for (;;) {
      signal.throwIfAborted()
      this.#stop.signal.throwIfAborted()
      const kept = [...this.#idle.keys()].at(-1)
      if (kept) {
        this.#idle.delete(kept)
        return kept
      }
      if (this.open < this.#options.connections) return this.#dial(signal)
      await this.#turn(signal)
    }
  }

  async #dial(signal: AbortSignal): Promise<HttpConnection> {
    this.#dialling++
    let connection: HttpConnection
    try {
      const duplex = await this.#options.dial(AbortSignal.any([signal, this.#stop.signal]))
      connection = new HttpConnection(duplex, {
        onIdle: () => this.#keep(connection),
        onClosed: () => {
          this.#connections.delete(connection)
          this.#idle.delete(connection)
          this.#wake(1)
        },
      })
    } catch (error) {
      this.#wake(1)
      throw error
    } finally {
      this.#dialling--
    }
    this.#connections.add(connection)
    return connection
  }

  #keep(connection: HttpConnection): void {
    if (this.#waiting.size === 0 && this.#idle.size >= this.#options.idle) {
      connection.close()
      return
    }
    this.#idle.set(connection, this.#options.now())
    this.#wake(1)
  }

  /** Wait until a connection is free or another may be made. */
  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#options.waiting) {
      throw new EngineError('unavailable', 'Too many requests at once')
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(wake)
        reject(signal.reason)
      }
      const wake = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #wake(count: number): void {
    for (const wake of [...this.#waiting].slice(0, count)) {
      this.#waiting.delete(wake)
      wake()
    }
  }
}
