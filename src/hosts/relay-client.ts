import {
  encodeWisp,
  parseWisp,
  wispExtension,
  wispExtensions,
  type WispPacket,
} from '../codec/wisp.ts'
import type { Duplex } from '../core/duplex.ts'
import { EgressError } from '../core/egress-error.ts'
import type { Egress, EgressTarget } from '../ports/egress.ts'
import { RELAY_WINDOW, RelayStream } from './relay-stream.ts'

/** Milliseconds until a relay must have greeted, and a stream must be open or refused. */
const GREETING_TIMEOUT = 10_000
const CONNECT_TIMEOUT = 30_000
/** Bytes that may wait in the WebSocket before streams are held. */
const BUFFER_MAX = 4 * 1024 * 1024

/** What of a WebSocket is needed; the browser's own and that of `ws` are two. */
export interface RelaySocket {
  binaryType: string
  readonly bufferedAmount: number
  send(bytes: Uint8Array<ArrayBuffer>): void
  close(code?: number): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
}

export interface RelayPlace {
  /** `wss://relay.example/` */
  readonly url: string
  /** Told as a WebSocket subprotocol: a browser can set no header. */
  readonly token?: string | undefined
}

export interface RelayOptions {
  /** Asked for each new connection, as a relay that was started anew has another token. @throws EgressError for none */
  readonly locate: () => Promise<RelayPlace>
  readonly open: (url: string, protocols: readonly string[]) => RelaySocket
}

/** A way out by way of a relay that speaks Wisp. It is connected to when it is first needed, and again when it was lost. */
export class RelayClient implements Egress, Disposable {
  readonly #options: RelayOptions
  #connection: Promise<Connection> | undefined
  #disposed = false

  constructor(options: RelayOptions) {
    this.#options = options
  }

  async connect(target: EgressTarget, signal: AbortSignal): Promise<Duplex> {
    return (await this.#connected()).connect(target, signal)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    void this.#connection?.then((connection) => connection.close()).catch(() => undefined)
  }

  #connected(): Promise<Connection> {
    if (this.#disposed) throw new EgressError('no-network', 'the way out is closed')
    this.#connection ??= this.#open().catch((error: unknown) => {
      this.#connection = undefined
      throw error
    })
    return this.#connection
  }

  async #open(): Promise<Connection> {
    const { locate, open } = this.#options
    const { url, token } = await locate()
    let socket: RelaySocket
    try {
      socket = open(url, token === undefined ? [] : ['wisp', `token.${token}`])
    } catch (cause) {
      // The address is none, or the page's policy forbids it.
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new EgressError('no-network', `the relay ${url}: ${why}`, { cause })
    }
    const connection = new Connection(socket, url, () => {
      this.#connection = undefined
    })
    return connection.ready
  }
}

class Connection {
  readonly ready: Promise<Connection>
  readonly #socket: RelaySocket
  readonly #streams = new Map<number, RelayStream>()
  readonly #onLost: () => void
  #settle: { resolve: (ready: Connection) => void; reject: (error: Error) => void } | undefined
  #last = 0
  #credit: number | undefined
  #flow = false
  #lost = false

  constructor(socket: RelaySocket, url: string, onLost: () => void) {
    this.#socket = socket
    this.#onLost = onLost
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    const timer = setTimeout(() => this.#lose(`the relay ${url} does not answer`), GREETING_TIMEOUT)
    // Whoever waits for it is told; nobody may be waiting any more.
    this.ready
      .catch(() => undefined)
      .finally(() => clearTimeout(timer))
      .catch(() => undefined)
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      const packet = data instanceof ArrayBuffer ? parseWisp(new Uint8Array(data)) : undefined
      if (!packet || !this.#take(packet)) this.#lose(`the relay ${url} sends what is no Wisp`)
    })
    const gone = (): void =>
      this.#lose(
        this.#settle
          ? `the relay ${url} can not be reached, or does not let this page in`
          : `the relay ${url} closed the connection`,
      )
    socket.addEventListener('error', gone)
    socket.addEventListener('close', gone)
  }

  async connect({ host, port }: EgressTarget, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted()
    // Numbers come again after 2^32 streams: nobody waits so long.
    const number = ++this.#last
    const stream = new RelayStream({
      credit: this.#credit ?? 1,
      flow: this.#flow,
      send: (packet) => this.#send({ ...packet, stream: number }),
      room: () => this.#room(),
      gone: () => this.#streams.delete(number),
    })
    this.#streams.set(number, stream)
    this.#send({ type: 'connect', stream: number, protocol: 'tcp', port, host })
    return stream.opened(signal, CONNECT_TIMEOUT)
  }

  close(): void {
    this.#lose('the way out was closed')
  }

  #send(packet: WispPacket): void {
    if (!this.#lost) this.#socket.send(encodeWisp(packet))
  }

  /** There is no event for it. */
  async #room(): Promise<void> {
    while (!this.#lost && this.#socket.bufferedAmount > BUFFER_MAX) {
      await new Promise((resolve) => {
        setTimeout(resolve, 5)
      })
    }
  }

  /** @returns false for what a relay must not send */
  #take(packet: WispPacket): boolean {
    switch (packet.type) {
      case 'info':
        return this.#greet(packet)
      case 'continue':
        if (packet.stream === 0) {
          this.#credit = packet.count
          return true
        }
        this.#streams.get(packet.stream)?.onCredit(packet.count)
        return true
      case 'data':
        // What was closed here may still be on its way.
        this.#streams.get(packet.stream)?.onData(packet.bytes)
        return true
      case 'close':
        if (packet.stream === 0) return false
        this.#streams.get(packet.stream)?.onClose(packet.reason)
        return true
      case 'connect':
        return false
    }
  }

  #greet(info: WispPacket & { type: 'info' }): boolean {
    if (!this.#settle || this.#credit === undefined) return false
    const has = (id: number): boolean => info.extensions.some((extension) => extension.id === id)
    if (info.major < 2 || !has(wispExtension.confirm)) {
      // Whether somebody listens could not be told: nothing would ever be refused.
      this.#lose('the relay does not confirm connections (Wisp 2, extension 5), so it is not used')
      return true
    }
    this.#flow = has(wispExtension.flow)
    this.#send({ type: 'info', major: 2, minor: 0, extensions: wispExtensions(RELAY_WINDOW) })
    this.#settle.resolve(this)
    this.#settle = undefined
    return true
  }

  #lose(why: string): void {
    if (this.#lost) return
    this.#lost = true
    this.#onLost()
    const error = new EgressError('no-network', why)
    this.#settle?.reject(error)
    this.#settle = undefined
    for (const stream of this.#streams.values()) stream.fail(error)
    this.#streams.clear()
    this.#socket.close()
  }
}
