import type { Duplex } from '../../../core/duplex.ts'
import { HttpConnection } from '../../../codec/http/connection.ts'
import {
  acceptOf,
  closePayload,
  encodeFrame,
  MESSAGE_MAX,
  readMessages,
} from '../../../codec/websocket.ts'
import { EngineError } from '../../../core/error.ts'
import type { SocketEvent } from '../../../link/preview.ts'
import { requestHeaders } from './headers.ts'
import type { OpenPort } from './open-port.ts'

/** Bytes of messages that the page has not taken yet: beyond, the server waits. */
const UNREAD_MAX = 4_194_304
/** Bytes that the page has sent and the server has not taken: beyond, the socket is closed. */
const UNSENT_MAX = 67_108_864
/** Milliseconds that a server has to answer a close. */
const CLOSE_TIME = 5_000

export interface SocketTarget {
  /** Path and query. */
  readonly path: string
  readonly protocols: readonly string[]
}

/** A page's WebSocket: messages by a port of its own on one side, RFC 6455 to the container on the other. */
export class PreviewSocket {
  /** Resolves when it is over, however; never rejects. */
  readonly done: Promise<void>
  readonly #page: MessagePort
  readonly #stop = new AbortController()
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined
  #unsent = 0
  #unread = 0
  #wake: () => void = () => undefined
  #isOver = false
  #isClosing = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(page: MessagePort, port: number, target: OpenPort | undefined, to: SocketTarget) {
    this.#page = page
    this.done = this.#run(port, target, to)
    page.addEventListener('message', (event: MessageEvent<unknown>) => this.#fromPage(event.data))
    page.start()
  }

  /** The preview was closed. */
  close(): void {
    this.#finish(1001, '', true)
  }

  async #run(port: number, target: OpenPort | undefined, to: SocketTarget): Promise<void> {
    try {
      if (!target) throw new EngineError('unavailable', `no container publishes port ${port}`)
      const { duplex, protocol } = await this.#open(port, target, to)
      const writer = duplex.writable.getWriter()
      writer.closed.catch(() => undefined)
      this.#writer = writer
      this.#tell({ kind: 'open', protocol })
      await this.#read(duplex)
      this.#finish(1006, '', true)
    } catch {
      this.#finish(1006, '', true)
    }
  }

  /** The opening handshake (RFC 6455, 4.1). */
  async #open(
    port: number,
    target: OpenPort,
    { path, protocols }: SocketTarget,
  ): Promise<{ readonly duplex: Duplex; readonly protocol: string }> {
    const { signal } = this.#stop
    const connection = new HttpConnection(await target.dial(signal), {
      onIdle: () => connection.close(),
      onClosed: () => undefined,
    })
    const key = btoa(String.fromCharCode(...randomBytes(16)))
    const headers = {
      ...requestHeaders({ method: 'GET', headers: [] }, port, target.jar.header(path)),
      origin: `http://localhost:${port}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
      ...(protocols.length > 0 ? { 'sec-websocket-protocol': protocols.join(', ') } : {}),
    }
    const answer = await connection.request({ method: 'GET', target: path, headers }, signal)
    const protocol = answer.headers['sec-websocket-protocol'] ?? ''
    const isAccepted =
      answer.headers['sec-websocket-accept'] === (await acceptOf(key)) &&
      answer.headers['sec-websocket-extensions'] === undefined &&
      (protocol === '' || protocols.includes(protocol))
    if (!answer.upgraded || !isAccepted) {
      connection.close()
      await answer.upgraded?.writable.abort()
      throw new EngineError('unavailable', `the server answered ${answer.status}`)
    }
    for (const text of answer.headers['set-cookie']?.split('\n') ?? []) {
      target.jar.set(text, path, 'server')
    }
    return { duplex: answer.upgraded, protocol }
  }

  async #read({ readable }: Duplex): Promise<void> {
    for await (const message of readMessages(readable)) {
      if (this.#isOver) return
      switch (message.kind) {
        case 'ping':
          this.#write('pong', message.bytes)
          break
        case 'pong':
          break
        case 'close':
          // The server's close is answered with its code (RFC 6455, 5.5.1).
          if (!this.#isClosing) {
            const { code } = message
            this.#write('close', code === 1005 ? new Uint8Array() : closePayload(code, ''))
          }
          this.#finish(message.code, message.reason, false)
          return
        case 'text':
        case 'binary':
          await this.#deliver(message.kind, message.bytes)
      }
    }
  }

  async #deliver(kind: 'text' | 'binary', bytes: Uint8Array): Promise<void> {
    const { buffer } = bytes.slice()
    const { byteLength } = buffer
    if (kind === 'text') {
      this.#tell({ kind: 'message', data: new TextDecoder().decode(buffer), bytes: byteLength })
    } else {
      this.#tell({ kind: 'message', data: buffer, bytes: byteLength }, [buffer])
    }
    this.#unread += bytes.length
    while (this.#unread > UNREAD_MAX && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #fromPage(data: unknown): void {
    if (this.#isOver || typeof data !== 'object' || data === null) return
    const message = data as Readonly<Record<string, unknown>>
    switch (message['kind']) {
      case 'send':
        this.#fromPageSend(message['data'])
        return
      case 'close':
        this.#close(message['code'], message['reason'])
        return
      case 'credit':
        if (typeof message['bytes'] !== 'number' || !(message['bytes'] >= 0)) return
        this.#unread = Math.max(0, this.#unread - message['bytes'])
        this.#wake()
        return
      default:
        this.#finish(1006, '', true)
    }
  }

  #fromPageSend(data: unknown): void {
    const isText = typeof data === 'string'
    if (!isText && !(data instanceof ArrayBuffer)) return
    const bytes = isText ? new TextEncoder().encode(data) : new Uint8Array(data)
    if (bytes.length > MESSAGE_MAX || this.#unsent + bytes.length > UNSENT_MAX) {
      this.#finish(1009, 'more than the preview carries', true)
      return
    }
    this.#write(isText ? 'text' : 'binary', bytes)
  }

  #write(kind: Parameters<typeof encodeFrame>[0], bytes: Uint8Array): void {
    const writer = this.#writer
    if (!writer) return
    this.#unsent += bytes.length
    const written = (): void => {
      this.#unsent -= bytes.length
      if (kind === 'text' || kind === 'binary') this.#tell({ kind: 'sent', bytes: bytes.length })
    }
    writer
      .write(encodeFrame(kind, bytes, randomBytes(4)))
      .then(written, () => this.#finish(1006, '', true))
  }

  #close(code: unknown, reason: unknown): void {
    if (!this.#writer) {
      this.#finish(1006, '', true)
      return
    }
    if (this.#isClosing) return
    this.#isClosing = true
    this.#timer = setTimeout(() => this.#finish(1006, '', true), CLOSE_TIME)
    const isCode = typeof code === 'number' && code >= 1000 && code <= 4999
    const text = typeof reason === 'string' ? reason.slice(0, 123) : ''
    this.#write('close', isCode ? closePayload(code, text) : new Uint8Array())
  }

  #finish(code: number, reason: string, failed: boolean): void {
    if (this.#isOver) return
    this.#tell({ kind: 'close', code, reason, failed })
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#wake()
    const writer = this.#writer
    // What was written goes out, a close frame among it; then the connection ends.
    if (failed) writer?.abort().catch(() => undefined)
    else writer?.close().catch(() => undefined)
    this.#stop.abort(new EngineError('unavailable', 'The WebSocket was closed'))
    this.#page.close()
  }

  #tell(event: SocketEvent, transfer: Transferable[] = []): void {
    if (!this.#isOver) this.#page.postMessage(event, transfer)
  }
}

const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
