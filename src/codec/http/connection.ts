import type { Duplex } from '../../core/duplex.ts'
import { EngineError } from '../../core/error.ts'
import { bodyBytes, encodeChunk, framingOf, LAST_CHUNK, type Framing } from './body.ts'
import { ByteReader } from './byte-reader.ts'
import {
  formatHead,
  malformed,
  parseResponseHead,
  type Headers,
  type ResponseHead,
} from './head.ts'

/** Interim answers (100, 103) that are passed over before the real one, at most. */
const INTERIM_MAX = 20

/** A request as a client makes it. */
export interface HttpRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Names in lower case, `host` among them; what frames the body is added. */
  readonly headers: Headers
  readonly body?: ReadableStream<Uint8Array>
  /** Of the body, in bytes; sent in chunks when it isn't known. */
  readonly bodyLength?: number
}

/** The answer, as soon as its head is there. */
export interface HttpResponse {
  readonly status: number
  readonly reason: string
  /** Names in lower case. */
  readonly headers: Headers
  /** Absent where there can't be one (HEAD, 204, 304). Cancelling it closes the connection. */
  readonly body?: ReadableStream<Uint8Array>
  /** The connection after a 101. */
  readonly upgraded?: Duplex
}

/** The peer closed a kept connection before it answered: the request may be sent again on another one. */
export class StaleConnection extends EngineError {
  constructor() {
    super('unavailable', 'The server closed the connection without an answer')
  }
}

export interface ConnectionEvents {
  /** Another request can be sent. */
  readonly onIdle: () => void
  /** It is closed, by whomever. Told once. */
  readonly onClosed: () => void
}

/**
 * The client's side of an HTTP/1.1 connection (RFC 9112): one request at a time, kept alive where the server keeps it. Whoever
 * creates it closes it.
 */
export class HttpConnection {
  readonly #reader: ByteReader
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #events: ConnectionEvents
  #state: 'idle' | 'busy' | 'closed' = 'idle'
  #served = 0
  /** What it was closed for. */
  #reason: unknown

  constructor(duplex: Duplex, events: ConnectionEvents) {
    this.#reader = new ByteReader(duplex.readable)
    this.#writer = duplex.writable.getWriter()
    this.#writer.closed.catch(ignore)
    this.#events = events
  }

  /** Requests that were answered. */
  get served(): number {
    return this.#served
  }

  get isIdle(): boolean {
    return this.#state === 'idle'
  }

  close(reason: unknown = new EngineError('unavailable', 'The connection was closed')): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#reason = reason
    this.#reader.cancel(reason).catch(ignore)
    this.#writer.abort(reason).catch(ignore)
    this.#events.onClosed()
  }

  /**
   * Send a request when idle. The body is read while the answer may come already.
   * @throws EngineError `invalid-parameter` for an answer that isn't HTTP, `unavailable` when the connection breaks; StaleConnection
   */
  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    if (this.#state !== 'idle') throw new Error('the connection is in use')
    this.#state = 'busy'
    const stop = (): void => this.close(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    const done = (): void => signal.removeEventListener('abort', stop)
    try {
      signal.throwIfAborted()
      return await this.#exchange(request, done)
    } catch (error) {
      done()
      void request.body?.cancel(error).catch(ignore)
      this.close(error)
      throw signal.aborted ? signal.reason : error
    }
  }

  async #exchange(request: HttpRequest, done: () => void): Promise<HttpResponse> {
    const sending = this.#send(request)
    // A server may answer and close before it has read everything: what it said counts.
    const sent = sending.then(
      () => true,
      () => false,
    )
    const head = await this.#readHead(request, sending)
    this.#served++
    const { status, reason, headers } = head
    if (status === 101) {
      done()
      this.#state = 'closed'
      this.#events.onClosed()
      return { status, reason, headers, upgraded: this.#rest() }
    }
    const framing = responseFraming(request, head)
    const keep = isKept(head) && framing.kind !== 'until-close'
    const finish = async (): Promise<void> => {
      done()
      const isSent = await Promise.race([sent, Promise.resolve(false)])
      if (this.#state !== 'busy') return
      if (keep && isSent) this.#becomeIdle()
      else {
        void request.body?.cancel(new Error('answered')).catch(ignore)
        this.close()
      }
    }
    if (framing.kind === 'none') {
      await finish()
      return { status, reason, headers }
    }
    return { status, reason, headers, body: this.#body(framing, finish, done) }
  }

  async #send(request: HttpRequest): Promise<void> {
    const { method, target, body, bodyLength } = request
    const headers: Record<string, string> = { ...request.headers }
    if (body) {
      if (bodyLength === undefined) headers['transfer-encoding'] = 'chunked'
      else headers['content-length'] = String(bodyLength)
    } else if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') {
      // RFC 9110, 8.6: a method that may have a body says that there is none.
      headers['content-length'] = '0'
    }
    await this.#writer.write(formatHead(`${method} ${target} HTTP/1.1`, headers))
    if (!body) return
    let left = bodyLength
    const reader = body.getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((error: unknown) => {
          // The sender gave up: there will be no answer to half a request.
          this.close(error)
          throw error
        })
        if (done) break
        if (left !== undefined) {
          left -= value.length
          if (left < 0) throw malformed('the request is longer than it said')
        }
        if (value.length > 0)
          await this.#writer.write(bodyLength === undefined ? encodeChunk(value) : value)
      }
      if (left !== undefined && left > 0) throw malformed('the request is shorter than it said')
      if (bodyLength === undefined) await this.#writer.write(LAST_CHUNK)
    } catch (error) {
      reader.cancel(error).catch(ignore)
      throw error
    } finally {
      reader.releaseLock()
    }
  }

  /** The final answer's head. A request that could not be sent and has no answer fails with what kept it from being sent. */
  async #readHead(request: HttpRequest, sending: Promise<void>): Promise<ResponseHead> {
    for (let interim = 0; ; interim++) {
      const bytes = await this.#reader.readHead()
      if (bytes === undefined) {
        if (this.#served === 0 || interim > 0) {
          await sending
          throw new EngineError('unavailable', 'The server closed the connection without an answer')
        }
        throw new StaleConnection()
      }
      const head = parseResponseHead(bytes)
      if (head.status >= 200) return head
      if (head.status === 101) {
        if (request.headers['upgrade'] !== undefined) return head
        throw malformed('an answer of 101 that nobody asked for')
      }
      if (head.status < 100 || interim >= INTERIM_MAX)
        throw malformed(`an answer of ${head.status}`)
    }
  }

  #body(
    framing: Framing,
    finish: () => Promise<void>,
    done: () => void,
  ): ReadableStream<Uint8Array> {
    const bytes = bodyBytes(this.#reader, framing)
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const result = await bytes.next()
            if (!result.done) {
              controller.enqueue(result.value)
              return
            }
            await finish()
            controller.close()
          } catch (error) {
            done()
            this.close(error)
            // A body that was broken off ends with why, not with what is missing of it.
            throw this.#reason
          }
        },
        cancel: (reason) => {
          done()
          this.close(reason)
        },
      },
      { highWaterMark: 0 },
    )
  }

  #rest(): Duplex {
    const writer = this.#writer
    return {
      readable: this.#reader.rest(),
      writable: new WritableStream<Uint8Array>({
        write: (chunk) => writer.write(chunk),
        close: () => writer.close(),
        abort: (reason) => writer.abort(reason),
      }),
    }
  }

  #becomeIdle(): void {
    this.#state = 'idle'
    const served = this.#served
    // Whatever comes now is not an answer: an end, or bytes that nobody asked for.
    const watch = (): void => {
      if (this.#state === 'idle' && this.#served === served) this.close()
    }
    this.#reader.fill().then(watch, watch)
    this.#events.onIdle()
  }
}

/** Closing what the peer closed already is no news. */
const ignore = (): void => undefined

/** RFC 9112, 6.3. */
function responseFraming(request: HttpRequest, { status, headers }: ResponseHead): Framing {
  if (request.method === 'HEAD' || status === 204 || status === 304) return { kind: 'none' }
  return framingOf(headers, 'until-close')
}

/** RFC 9112, 9.3. */
function isKept({ version, headers }: ResponseHead): boolean {
  const connection = headers['connection'] ?? ''
  return version === '1.1' ? !/\bclose\b/i.test(connection) : /\bkeep-alive\b/i.test(connection)
}
