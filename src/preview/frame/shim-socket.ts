import type { SocketEvent, SocketMessage } from '../../link/preview.ts'
import type { ClientMessage } from '../../link/preview-frame.ts'

const LOOPBACK = /^(localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\])$/
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** A WebSocket to the container by way of the engine's worker; the browser's own for any other server. */
export function previewSocket(port: number, native: typeof WebSocket): typeof WebSocket {
  const isOwn = ({ hostname, host, port: given }: URL): boolean =>
    host === location.host || (LOOPBACK.test(hostname) && Number(given || '80') === port)

  const construct = (address: string | URL, protocols: string | string[] = []): WebSocket => {
    const url = parse(address)
    return isOwn(url) ? new PreviewSocket(url, [protocols].flat()) : new native(address, protocols)
  }
  Object.setPrototypeOf(PreviewSocket.prototype, native.prototype)
  // `new WebSocket(…)` and `instanceof WebSocket` are the page's; both kinds answer to them.
  return new Proxy(native, {
    construct: (_, [address, protocols]: [string | URL, (string | string[])?]) =>
      construct(address, protocols),
  })
}

/** WebSockets Standard, 3.1. */
function parse(address: string | URL): URL {
  let url: URL
  try {
    url = new URL(address, document.baseURI)
  } catch {
    throw new DOMException(`The URL '${String(address)}' is invalid.`, 'SyntaxError')
  }
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol === 'https:') url.protocol = 'wss:'
  if (!/^wss?:$/.test(url.protocol) || url.hash !== '') {
    throw new DOMException(`The URL '${String(address)}' is no WebSocket's.`, 'SyntaxError')
  }
  return url
}

type Handler<E extends Event> = ((this: WebSocket, event: E) => unknown) | null

/** The interface of the WebSockets Standard, 3.1, over a MessagePort. */
class PreviewSocket extends EventTarget implements WebSocket {
  readonly CONNECTING = 0
  readonly OPEN = 1
  readonly CLOSING = 2
  readonly CLOSED = 3
  readonly url: string
  readonly extensions = ''
  binaryType: BinaryType = 'blob'
  protocol = ''
  readyState: 0 | 1 | 2 | 3 = 0
  bufferedAmount = 0
  readonly #port: MessagePort
  readonly #handlers = new Map<string, EventListener>()
  #sending: Promise<void> = Promise.resolve()

  constructor(url: URL, protocols: readonly string[]) {
    super()
    if (
      new Set(protocols).size !== protocols.length ||
      !protocols.every((name) => TOKEN.test(name))
    ) {
      throw new DOMException('The subprotocols are invalid.', 'SyntaxError')
    }
    this.url = url.href
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    port1.addEventListener('message', ({ data }: MessageEvent<SocketEvent>) => this.#take(data))
    port1.start()
    const message: ClientMessage = {
      client: 'websocket',
      path: url.pathname + url.search,
      protocols,
    }
    const { controller } = navigator.serviceWorker
    if (controller) controller.postMessage(message, [port2])
    else setTimeout(() => this.#end(1006, '', true))
    // A port doesn't tell that its page is gone.
    addEventListener('pagehide', () => this.#tell({ kind: 'close', code: 1001, reason: '' }), {
      once: true,
    })
  }

  get onopen(): Handler<Event> {
    return this.#handler('open')
  }
  set onopen(handler: Handler<Event>) {
    this.#setHandler('open', handler)
  }
  get onmessage(): Handler<MessageEvent> {
    return this.#handler('message')
  }
  set onmessage(handler: Handler<MessageEvent>) {
    this.#setHandler('message', handler)
  }
  get onerror(): Handler<Event> {
    return this.#handler('error')
  }
  set onerror(handler: Handler<Event>) {
    this.#setHandler('error', handler)
  }
  get onclose(): Handler<CloseEvent> {
    return this.#handler('close')
  }
  set onclose(handler: Handler<CloseEvent>) {
    this.#setHandler('close', handler)
  }

  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
    if (this.readyState === 0) throw new DOMException('Still connecting.', 'InvalidStateError')
    const size =
      typeof data === 'string'
        ? new TextEncoder().encode(data).length
        : data instanceof Blob
          ? data.size
          : data.byteLength
    this.bufferedAmount += size
    if (this.readyState !== 1) return
    // What the page does to its bytes afterwards is not sent; blobs are read in their turn.
    const sent = typeof data === 'string' ? data : data instanceof Blob ? data : copy(data)
    this.#sending = this.#sending.then(async () => {
      this.#tell({ kind: 'send', data: sent instanceof Blob ? await sent.arrayBuffer() : sent })
    })
  }

  close(code?: number, reason = ''): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) {
      throw new DOMException(`The code ${code} is not for pages.`, 'InvalidAccessError')
    }
    if (new TextEncoder().encode(reason).length > 123) {
      throw new DOMException('The reason is too long.', 'SyntaxError')
    }
    if (this.readyState >= 2) return
    this.readyState = 2
    void this.#sending.then(() =>
      this.#tell({ kind: 'close', reason, ...(code === undefined ? {} : { code }) }),
    )
  }

  #take(event: SocketEvent): void {
    switch (event.kind) {
      case 'open':
        if (this.readyState !== 0) return
        this.readyState = 1
        this.protocol = event.protocol
        this.dispatchEvent(new Event('open'))
        return
      case 'message':
        this.#receive(event.data, event.bytes)
        return
      case 'sent':
        this.bufferedAmount = Math.max(0, this.bufferedAmount - event.bytes)
        return
      case 'close':
        this.#end(event.code, event.reason, event.failed)
    }
  }

  #receive(data: string | ArrayBuffer, bytes: number): void {
    this.#tell({ kind: 'credit', bytes })
    if (this.readyState !== 1) return
    const isBlob = typeof data !== 'string' && this.binaryType === 'blob'
    const { origin } = new URL(this.url)
    this.dispatchEvent(
      new MessageEvent('message', { data: isBlob ? new Blob([data]) : data, origin }),
    )
  }

  #end(code: number, reason: string, failed: boolean): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.#port.close()
    if (failed) this.dispatchEvent(new Event('error'))
    this.dispatchEvent(new CloseEvent('close', { code, reason, wasClean: !failed }))
  }

  #tell(message: SocketMessage): void {
    this.#port.postMessage(message)
  }

  #handler<E extends Event>(type: string): Handler<E> {
    return this.#handlers.get(type) ?? null
  }

  #setHandler<E extends Event>(type: string, handler: Handler<E>): void {
    const old = this.#handlers.get(type)
    if (old) this.removeEventListener(type, old)
    this.#handlers.delete(type)
    if (typeof handler !== 'function') return
    this.#handlers.set(type, handler as EventListener)
    this.addEventListener(type, handler as EventListener)
  }
}

function copy(data: ArrayBufferLike | ArrayBufferView): ArrayBuffer {
  const view = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
  return view.slice().buffer
}
