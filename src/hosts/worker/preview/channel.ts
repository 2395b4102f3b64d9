import { EngineError } from '../../../core/error.ts'
import {
  CHUNK_MAX,
  OPEN_MAX,
  type HeaderList,
  type PreviewAnswer,
  type PreviewMessage,
} from '../../../link/preview.ts'
import { PreviewExchange } from './exchange.ts'
import { checkPath } from './headers.ts'
import type { OpenPort } from './open-port.ts'
import { PreviewSocket } from './socket.ts'

/** WebSockets of one port at once. */
const SOCKETS_MAX = 64
const COOKIE_TEXT_MAX = 8192

/**
 * One service worker's requests to one port. The sender is as untrusted as the container: a message that can't be is the end of the
 * channel.
 */
export class PreviewChannel implements Disposable {
  readonly #port: number
  readonly #channel: MessagePort
  readonly #target: () => OpenPort | undefined
  readonly #exchanges = new Map<number, PreviewExchange>()
  readonly #sockets: Set<PreviewSocket>
  #closed = false

  /**
   * @param target what is published now; undefined when nothing is
   * @param sockets WebSockets of the port: they have channels of their own and outlive this one
   */
  constructor(
    port: number,
    channel: MessagePort,
    target: () => OpenPort | undefined,
    sockets: Set<PreviewSocket>,
  ) {
    this.#sockets = sockets
    this.#port = port
    this.#channel = channel
    this.#target = target
    channel.addEventListener('message', (event: MessageEvent<unknown>) => {
      if (this.#closed) return
      const message = parseMessage(event.data)
      if (!message || !this.#handle(message, event.ports)) this[Symbol.dispose]()
    })
    channel.addEventListener('messageerror', () => this[Symbol.dispose]())
    channel.start()
  }

  /** Requests that are open. */
  get open(): number {
    return this.#exchanges.size
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    const reason = new EngineError('unavailable', 'The preview was closed')
    for (const exchange of this.#exchanges.values()) exchange.cancel(reason)
    this.#channel.close()
  }

  /** @returns false when the message can't be, as things are */
  #handle(message: PreviewMessage, ports: readonly MessagePort[]): boolean {
    switch (message.kind) {
      case 'req':
        return this.#request(message)
      case 'body':
        return this.#exchanges.get(message.id)?.body(message.bytes) ?? true
      case 'bodyend':
        this.#exchanges.get(message.id)?.bodyEnd()
        return true
      case 'credit':
        this.#exchanges.get(message.id)?.credit(message.bytes)
        return true
      case 'cancel':
        this.#exchanges.get(message.id)?.cancel(new EngineError('unavailable', 'The page left'))
        return true
      case 'cookie': {
        const jar = this.#target()?.jar
        jar?.set(message.text, message.path, 'script')
        if (jar) this.#send({ kind: 'cookies', cookies: jar.visible() })
        return true
      }
      case 'websocket':
        return this.#socket(message, ports)
    }
  }

  #request(message: Extract<PreviewMessage, { kind: 'req' }>): boolean {
    const { id } = message
    if (this.#exchanges.has(id)) return false
    if (this.#exchanges.size >= OPEN_MAX) {
      this.#send({
        kind: 'err',
        id,
        failure: 'busy',
        message: `Port ${this.#port} has ${OPEN_MAX} requests open already.`,
      })
      return true
    }
    const exchange = new PreviewExchange(message, this.#port, this.#target(), (answer, transfer) =>
      this.#send(answer, transfer),
    )
    this.#exchanges.set(id, exchange)
    void exchange.done.then(() => this.#exchanges.delete(id))
    return true
  }

  #socket(
    { path, protocols }: Extract<PreviewMessage, { kind: 'websocket' }>,
    [port]: readonly MessagePort[],
  ): boolean {
    if (!port) return false
    if (this.#sockets.size >= SOCKETS_MAX) {
      port.postMessage({ kind: 'close', code: 1006, reason: '', failed: true })
      port.close()
      return true
    }
    const socket = new PreviewSocket(port, this.#port, this.#target(), { path, protocols })
    this.#sockets.add(socket)
    void socket.done.then(() => this.#sockets.delete(socket))
    return true
  }

  #send(answer: PreviewAnswer, transfer: Transferable[] = []): void {
    if (!this.#closed) this.#channel.postMessage(answer, transfer)
  }
}

/** A stranger's message, or undefined when it is none. */
function parseMessage(data: unknown): PreviewMessage | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const { kind, id, method, path, headers, referrer, credentials, hasBody, length, bytes, text } =
    data as Readonly<Record<string, unknown>>
  if (kind === 'cookie') {
    return isText(text, COOKIE_TEXT_MAX) && isPath(path) ? { kind, text, path } : undefined
  }
  if (kind === 'websocket') {
    const { protocols } = data as { readonly protocols?: unknown }
    return isPath(path) &&
      Array.isArray(protocols) &&
      protocols.length <= 32 &&
      protocols.every(isToken)
      ? { kind, path, protocols }
      : undefined
  }
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) return undefined
  switch (kind) {
    case 'bodyend':
    case 'cancel':
      return { kind, id }
    case 'credit':
      return isSize(bytes) ? { kind, id, bytes } : undefined
    case 'body':
      return bytes instanceof ArrayBuffer && bytes.byteLength <= CHUNK_MAX
        ? { kind, id, bytes }
        : undefined
    case 'req':
      if (!isText(method, 64) || !isText(path, 65_536) || !isHeaders(headers)) return undefined
      return {
        kind,
        id,
        method,
        path,
        headers,
        ...(isText(referrer, 65_536) ? { referrer } : {}),
        credentials: credentials === true,
        hasBody: hasBody === true,
        ...(isSize(length) ? { length } : {}),
      }
    default:
      return undefined
  }
}

const isText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value.length <= max

const isToken = (value: unknown): value is string =>
  isText(value, 256) && /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value)

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

function isPath(value: unknown): value is string {
  try {
    return typeof value === 'string' && checkPath(value) === value
  } catch {
    return false
  }
}

const isHeaders = (value: unknown): value is HeaderList =>
  Array.isArray(value) &&
  value.length <= 256 &&
  value.every(
    (entry) =>
      Array.isArray(entry) &&
      entry.length === 2 &&
      isText(entry[0], 256) &&
      isText(entry[1], 65_536),
  )
