import type { WebSocket } from 'ws'
import {
  encodeWisp,
  parseWisp,
  WISP_DATA,
  wispExtension,
  wispExtensions,
  wispReason,
  type WispPacket,
} from '../../codec/wisp.ts'
import { EgressError } from '../../core/egress-error.ts'
import type { EgressTarget } from '../../ports/egress.ts'
import type { Outside } from './relay-outside.ts'

/** Data packets of a client's that wait for their socket, at most. */
const BUFFER = 64
/** Bytes that wait in the WebSocket before sockets are held, and until they go on. */
const HOLD_AT = 1024 * 1024
const GO_ON_AT = HOLD_AT / 4

export interface RelayLimits {
  /** At once, of one client. */
  readonly streams: number
  /** Of one client, both ways. */
  readonly bytes: number
  /** Milliseconds without a byte after which a stream is closed. */
  readonly idle: number
}

export interface SessionOptions {
  readonly limits: RelayLimits
  /** @throws EgressError */
  readonly connect: (target: EgressTarget, signal: AbortSignal) => Promise<Outside>
}

interface Stream {
  readonly stop: AbortController
  socket?: Outside
  /** Of the client's data packets: those that the socket has not taken. */
  queued: number
  /** Since the last `continue`: packets that the socket has taken, and those that came. */
  taken: number
  came: number
  /** What that `continue` gave. */
  given: number
  /** Data packets that the client takes; without the extension there is no limit but the WebSocket's. */
  credit: number
  clientEnded: boolean
  outsideEnded: boolean
}

/** One client of the relay: its WebSocket and the connections made for it. */
export class RelaySession {
  readonly #socket: WebSocket
  readonly #options: SessionOptions
  readonly #streams = new Map<number, Stream>()
  #window: number | undefined
  #greeted = false
  #bytes = 0
  #held = false

  constructor(socket: WebSocket, options: SessionOptions) {
    this.#socket = socket
    this.#options = options
    socket.on('message', (data, binary) => {
      const packet = binary && data instanceof Buffer ? parseWisp(data) : undefined
      if (!packet || !this.#take(packet)) this.#refuse()
    })
    socket.on('close', () => this.#end())
    // What is broken is closed, too.
    socket.on('error', () => undefined)
    this.#send({ type: 'continue', stream: 0, count: BUFFER })
    this.#send({ type: 'info', major: 2, minor: 0, extensions: wispExtensions() })
  }

  get streams(): number {
    return this.#streams.size
  }

  #send(packet: WispPacket): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#socket.send(encodeWisp(packet), () => this.#goOn())
    if (!this.#held && this.#socket.bufferedAmount > HOLD_AT) {
      this.#held = true
      for (const { socket } of this.#streams.values()) socket?.pause()
    }
  }

  #goOn(): void {
    if (!this.#held || this.#socket.bufferedAmount > GO_ON_AT) return
    this.#held = false
    for (const stream of this.#streams.values()) this.#resume(stream)
  }

  #resume(stream: Stream): void {
    if (!this.#held && stream.credit > 0) stream.socket?.resume()
  }

  /** Who breaks the protocol is not talked to. */
  #refuse(): void {
    this.#send({ type: 'close', stream: 0, reason: wispReason.incompatible })
    this.#socket.close(1002)
    this.#end()
  }

  #end(): void {
    for (const number of this.#streams.keys()) this.#drop(number)
  }

  #drop(number: number): void {
    const stream = this.#streams.get(number)
    if (!stream) return
    this.#streams.delete(number)
    stream.stop.abort(new Error('the client closed the stream'))
    // One that has ended both ways closes itself, when all is sent.
    if (!stream.socket || (stream.clientEnded && stream.outsideEnded)) return
    if (stream.socket.resetAndDestroy) stream.socket.resetAndDestroy()
    else stream.socket.destroy()
  }

  #close(number: number, reason: number): void {
    if (!this.#streams.has(number)) return
    this.#drop(number)
    this.#send({ type: 'close', stream: number, reason })
  }

  /** @returns false for what a client must not send */
  #take(packet: WispPacket): boolean {
    if (packet.type === 'info') return this.#greet(packet)
    if (!this.#greeted || packet.stream === 0) return false
    switch (packet.type) {
      case 'connect':
        if (this.#streams.has(packet.stream)) return false
        if (packet.protocol !== 'tcp') {
          this.#send({ type: 'close', stream: packet.stream, reason: wispReason.invalid })
        } else if (this.#streams.size >= this.#options.limits.streams) {
          this.#send({ type: 'close', stream: packet.stream, reason: wispReason.throttled })
        } else void this.#connect(packet.stream, packet)
        return true
      case 'data':
        this.#onData(packet.stream, packet.bytes)
        return true
      case 'continue':
        this.#onCredit(packet.stream, packet.count)
        return true
      case 'close':
        this.#drop(packet.stream)
        return true
    }
  }

  #greet({ extensions }: WispPacket & { type: 'info' }): boolean {
    if (this.#greeted) return false
    this.#greeted = true
    const flow = extensions.find(({ id }) => id === wispExtension.flow)?.metadata
    if (flow?.length === 4) {
      this.#window = new DataView(flow.buffer, flow.byteOffset, flow.byteLength).getUint32(0, true)
    }
    return true
  }

  async #connect(number: number, target: EgressTarget): Promise<void> {
    const stream: Stream = {
      stop: new AbortController(),
      queued: 0,
      taken: 0,
      came: 0,
      given: BUFFER,
      credit: this.#window ?? Number.POSITIVE_INFINITY,
      clientEnded: false,
      outsideEnded: false,
    }
    this.#streams.set(number, stream)
    let socket: Outside
    try {
      const { host, port } = target
      socket = await this.#options.connect({ host, port }, stream.stop.signal)
    } catch (error) {
      this.#close(number, reasonOf(error))
      return
    }
    // A client that left meanwhile wants it no more.
    if (this.#streams.get(number) !== stream) {
      socket.destroy()
      return
    }
    stream.socket = socket
    this.#carry(number, stream, socket)
    this.#send({ type: 'continue', stream: number, count: BUFFER })
    this.#resume(stream)
  }

  #carry(number: number, stream: Stream, socket: Outside): void {
    socket.pause()
    socket.on('data', (bytes: Buffer) => {
      let at = 0
      for (; at < bytes.length && stream.credit > 0; at += WISP_DATA) {
        this.#send({ type: 'data', stream: number, bytes: bytes.subarray(at, at + WISP_DATA) })
        stream.credit--
      }
      if (stream.credit <= 0) socket.pause()
      // Not one packet more than the client takes.
      if (at < bytes.length) socket.unshift(bytes.subarray(at))
      this.#count(number, Math.min(at, bytes.length))
    })
    socket.once('end', () => {
      stream.outsideEnded = true
      if (stream.clientEnded || this.#window === undefined) this.#close(number, wispReason.ended)
      else this.#send({ type: 'data', stream: number, bytes: new Uint8Array(0) })
    })
    socket.once('error', () => this.#close(number, wispReason.broken))
    socket.once('close', () => this.#close(number, wispReason.broken))
    socket.setTimeout?.(this.#options.limits.idle, () => this.#close(number, wispReason.idle))
  }

  #onData(number: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(number)
    // Closed here, and the client does not know yet.
    if (!stream) return
    if (bytes.length === 0 && this.#window !== undefined) {
      if (stream.clientEnded) return
      stream.clientEnded = true
      stream.socket?.end()
      if (stream.outsideEnded) this.#close(number, wispReason.ended)
      return
    }
    // Before there is a connection there is nothing to send, and never more than was given.
    if (!stream.socket || stream.clientEnded || ++stream.queued > BUFFER) {
      this.#close(number, wispReason.invalid)
      return
    }
    stream.came++
    stream.socket.write(bytes, () => {
      stream.queued--
      stream.taken++
      if (this.#streams.get(number) === stream) this.#give(number, stream)
    })
    this.#count(number, bytes.length)
  }

  /** Where a `continue` counts anew, it must wait until all is here that was given before. */
  #give(number: number, stream: Stream): void {
    const anew = this.#window === undefined
    if (stream.taken < BUFFER / 2 || (anew && stream.came < stream.given)) return
    const count = anew ? BUFFER - stream.queued : stream.taken
    stream.taken = 0
    stream.came = 0
    stream.given = count
    this.#send({ type: 'continue', stream: number, count })
  }

  #onCredit(number: number, count: number): void {
    const stream = this.#streams.get(number)
    if (!stream || this.#window === undefined) return
    stream.credit += count
    this.#resume(stream)
  }

  #count(number: number, bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes <= this.#options.limits.bytes) return
    this.#close(number, wispReason.throttled)
    this.#socket.close(1008, 'the limit of bytes is reached')
  }
}

function reasonOf(error: unknown): number {
  if (!(error instanceof EgressError)) return wispReason.unknown
  switch (error.reason) {
    case 'refused':
      return wispReason.refused
    case 'prohibited':
      return wispReason.blocked
    default:
      return wispReason.unreachable
  }
}
