import type { HttpResponse } from '../../../codec/http/connection.ts'
import { EngineError } from '../../../core/error.ts'
import {
  CHUNK_MAX,
  WHOLE_MAX,
  WINDOW,
  type PreviewAnswer,
  type PreviewFailure,
  type PreviewMessage,
} from '../../../link/preview.ts'
import { answerHeaders, checkMethod, checkPath, requestHeaders } from './headers.ts'
import type { OpenPort } from './open-port.ts'

type RequestMessage = Extract<PreviewMessage, { kind: 'req' }>
type Send = (answer: PreviewAnswer, transfer?: Transferable[]) => void

/** One request of a page, from its message to the last byte of the answer. */
export class PreviewExchange {
  /** Resolves when it is over, however; never rejects. */
  readonly done: Promise<void>
  readonly #id: number
  readonly #send: Send
  readonly #stop = new AbortController()
  /** Bytes of the answer that may still be sent. */
  #window = WINDOW
  #wake: () => void = () => undefined
  #body: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Bytes of the request that came and were not taken yet. */
  #waiting = 0

  constructor(message: RequestMessage, port: number, target: OpenPort | undefined, send: Send) {
    this.#id = message.id
    this.#send = send
    this.done = this.#run(message, port, target)
  }

  /** @returns false when the sender went beyond its window */
  body(bytes: ArrayBuffer): boolean {
    if (!this.#body) return true
    this.#waiting += bytes.byteLength
    if (this.#waiting > WINDOW) return false
    if (bytes.byteLength > 0) this.#body.enqueue(new Uint8Array(bytes))
    return true
  }

  bodyEnd(): void {
    const body = this.#body
    this.#body = undefined
    body?.close()
  }

  credit(bytes: number): void {
    this.#window = Math.min(WINDOW, this.#window + bytes)
    this.#wake()
  }

  cancel(reason: Error): void {
    this.#stop.abort(reason)
    this.#wake()
  }

  async #run(message: RequestMessage, port: number, target: OpenPort | undefined): Promise<void> {
    try {
      if (!target) {
        this.#fail('closed', `No running container publishes port ${port}.`)
        return
      }
      await this.#exchange(message, target)
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(...reasonOf(error, port, target?.container ?? ''))
    } finally {
      this.#body?.error(new EngineError('unavailable', 'The request is over'))
      this.#body = undefined
    }
  }

  async #exchange(message: RequestMessage, target: OpenPort): Promise<void> {
    const { jar, port } = target
    const path = checkPath(message.path)
    const cookie = message.credentials ? jar.header(path) : ''
    const { signal } = this.#stop
    const response = await target.http.request(
      {
        method: checkMethod(message.method),
        target: path,
        headers: requestHeaders(message, port, cookie),
        ...(message.hasBody ? { body: this.#requestBody() } : {}),
        ...(message.hasBody && message.length !== undefined ? { bodyLength: message.length } : {}),
      },
      signal,
    )
    let cookiesChanged = false
    if (message.credentials) {
      for (const text of response.headers['set-cookie']?.split('\n') ?? []) {
        cookiesChanged = jar.set(text, path, 'server') || cookiesChanged
      }
    }
    const { body, headers } = response
    const whole =
      body && Number(headers['content-length'] ?? Number.NaN) <= WHOLE_MAX
        ? await new Response(body).arrayBuffer()
        : undefined
    signal.throwIfAborted()
    this.#send(
      {
        kind: 'head',
        id: this.#id,
        status: response.status,
        reason: response.reason,
        headers: answerHeaders(headers),
        hasBody: body !== undefined && whole === undefined,
        ...(whole ? { whole } : {}),
        cookies: jar.visible(),
        cookiesChanged,
      },
      whole ? [whole] : [],
    )
    if (body && !whole) await this.#sendBody(body)
  }

  async #sendBody(body: NonNullable<HttpResponse['body']>): Promise<void> {
    const reader = body.getReader()
    const { signal } = this.#stop
    for (;;) {
      const { done, value } = await reader.read()
      signal.throwIfAborted()
      if (done) break
      for (let at = 0; at < value.length; at += CHUNK_MAX) {
        // A copy: the bytes lie in a buffer of the machine's, which can't be given away.
        const { buffer } = value.slice(at, at + CHUNK_MAX)
        this.#window -= buffer.byteLength
        this.#send({ kind: 'chunk', id: this.#id, bytes: buffer }, [buffer])
      }
      while (this.#window <= 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
    this.#send({ kind: 'end', id: this.#id })
  }

  #requestBody(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#body = controller
        },
        cancel: () => {
          this.#body = undefined
        },
      },
      { highWaterMark: 0 },
    ).pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>(
        {
          transform: (bytes, controller) => {
            this.#waiting -= bytes.length
            this.#send({ kind: 'credit', id: this.#id, bytes: bytes.length })
            controller.enqueue(bytes)
          },
        },
        { highWaterMark: 1 },
        { highWaterMark: 0 },
      ),
    )
  }

  #fail(failure: PreviewFailure, message: string): void {
    this.#send({ kind: 'err', id: this.#id, failure, message })
  }
}

/** What the visitor is told. */
function reasonOf(error: unknown, port: number, container: string): [PreviewFailure, string] {
  const message = error instanceof Error ? error.message : String(error)
  if (/connection refused/i.test(message)) {
    return [
      'refused',
      `Nothing listens on this port in the container “${container}”. It may still be starting, or its server uses another port, or only its own 127.0.0.1.`,
    ]
  }
  if (error instanceof EngineError && error.code === 'invalid-parameter') {
    return ['broken', `What answers on port ${port} is not HTTP: ${message}`]
  }
  return ['broken', `The connection to “${container}” broke: ${message}`]
}
