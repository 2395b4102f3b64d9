import type { Duplex } from '../core/duplex.ts'
import { EngineError } from '../core/error.ts'
import {
  SHUTDOWN_RECEIVE,
  SHUTDOWN_SEND,
  vsockOperation as op,
  type VsockHeader,
} from './vsock-packet.ts'

/** What the guest may send before somebody reads: the host's bound for each connection, in bytes. */
export const RECEIVE_BUFFER = 262_144
/** What a user may write ahead. */
const WRITE_AHEAD = 262_144

/** What a connection asks of its device. */
export interface VsockPort {
  /** There are bytes to take. */
  wake(connection: VsockConnection): void
  /** Send a packet without payload. Data that was taken before arrives before it. */
  control(connection: VsockConnection, operation: number, flags?: number): void
  remove(connection: VsockConnection): void
}

const gone = (message: string) => new EngineError('unavailable', message)

/**
 * One stream to the guest. Closing `writable` half-closes, aborting it resets. Flow control is vsock's: nobody reads,
 * so no credit is given, so the guest's writer stops.
 */
export class VsockConnection implements Duplex {
  readonly localPort: number
  readonly remotePort: number
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  readonly #port: VsockPort

  #state: 'connecting' | 'open' | 'closed' = 'connecting'
  #settleConnect: ((error?: EngineError) => void) | undefined
  readonly #connected: Promise<void>

  #reader!: ReadableStreamDefaultController<Uint8Array>
  #incoming: Uint8Array[] = []
  #incomingBytes = 0
  /** A read waits. */
  #hungry = false
  #readEnded = false
  #readClosed = false
  /** Bytes handed to the user, and how many of them the guest knows of; modulo 2^32. */
  #forwarded = 0
  #announced = 0

  #writer!: WritableStreamDefaultController
  #chunk: Uint8Array | undefined
  #taken = 0
  #settleWrite: ((error?: unknown) => void) | undefined
  #writeClosed = false
  #sent = 0
  #peerBuffer = 0
  #peerForwarded = 0

  constructor(port: VsockPort, localPort: number, remotePort: number) {
    this.#port = port
    this.localPort = localPort
    this.remotePort = remotePort
    this.#connected = new Promise((resolve, reject) => {
      this.#settleConnect = (error) => (error ? reject(error) : resolve())
    })
    this.#connected.catch(() => undefined)
    this.readable = new ReadableStream(
      {
        start: (controller) => void (this.#reader = controller),
        pull: () => this.#pull(),
        cancel: () => this.#stopReading(),
      },
      { highWaterMark: 0 },
    )
    this.writable = new WritableStream<Uint8Array>(
      {
        start: (controller) => void (this.#writer = controller),
        write: (chunk) => this.#write(chunk),
        close: () => this.#stopWriting(),
        abort: (reason) =>
          this.reset(reason instanceof Error ? reason : gone('The connection was aborted')),
      },
      { highWaterMark: WRITE_AHEAD, size: (chunk) => chunk.length },
    )
  }

  /** Settles when the guest accepted or refused. */
  get connected(): Promise<void> {
    return this.#connected
  }

  /** Bytes the guest has room for. */
  get credit(): number {
    const free = this.#peerBuffer - ((this.#sent - this.#peerForwarded) >>> 0)
    return Math.max(0, free)
  }

  /** Bytes waiting to be taken. */
  get pending(): number {
    return this.#chunk ? this.#chunk.length - this.#taken : 0
  }

  get forwarded(): number {
    return this.#forwarded
  }

  /** The next bytes to send, at most `limit`; the caller puts them into the ring at once. */
  take(limit: number): Uint8Array {
    const chunk = this.#chunk
    if (!chunk) return new Uint8Array(0)
    const bytes = chunk.subarray(this.#taken, this.#taken + limit)
    this.#taken += bytes.length
    this.#sent = (this.#sent + bytes.length) >>> 0
    if (this.#taken === chunk.length) this.#finishWrite()
    return bytes
  }

  /** Every packet tells the guest what was read so far. */
  announced(): void {
    this.#announced = this.#forwarded
  }

  handle(header: VsockHeader, payload: Uint8Array | undefined): void {
    this.#peerBuffer = header.bufferSize
    this.#peerForwarded = header.forwarded
    switch (header.operation) {
      case op.response:
        if (this.#state === 'connecting') {
          this.#state = 'open'
          this.#settleConnect?.()
        }
        break
      case op.data:
        if (payload && payload.length > 0) this.#receive(payload)
        break
      case op.creditRequest:
        this.#port.control(this, op.creditUpdate)
        break
      case op.shutdown:
        this.#peerShutdown(header.flags)
        break
      case op.reset:
        this.fail(
          gone(
            this.#state === 'connecting'
              ? 'The guest refused the connection'
              : 'The guest reset the connection',
          ),
        )
        return
      default:
        break
    }
    if (this.pending > 0 && this.credit > 0) this.#port.wake(this)
  }

  /** Give up on both directions and tell the guest. */
  reset(reason: Error): void {
    if (this.#state === 'closed') return
    this.#port.control(this, op.reset)
    this.fail(reason)
  }

  /** The other side is gone. */
  fail(reason: Error): void {
    if (this.#state === 'closed') return
    this.#settleConnect?.(
      reason instanceof EngineError ? reason : new EngineError('unavailable', reason.message),
    )
    this.#detach()
    this.#incoming = []
    if (!this.#readClosed) {
      this.#readClosed = true
      this.#reader.error(reason)
    }
    this.#failWrite(reason)
  }

  #detach(): void {
    this.#state = 'closed'
    this.#port.remove(this)
  }

  #receive(payload: Uint8Array): void {
    if (this.#readEnded || this.#readClosed) {
      this.#forwarded = (this.#forwarded + payload.length) >>> 0
      return
    }
    if (this.#incomingBytes + payload.length > RECEIVE_BUFFER) {
      this.reset(gone('The guest sent more than it was allowed to'))
      return
    }
    this.#incoming.push(payload)
    this.#incomingBytes += payload.length
    if (this.#hungry) this.#deliver()
  }

  #pull(): void {
    if (this.#incoming.length > 0) this.#deliver()
    else this.#hungry = true
  }

  #deliver(): void {
    const chunk = this.#incoming.shift()
    if (!chunk) return
    this.#hungry = false
    this.#incomingBytes -= chunk.length
    this.#forwarded = (this.#forwarded + chunk.length) >>> 0
    this.#reader.enqueue(chunk)
    if (this.#readEnded) this.#endReading()
    else if (((this.#forwarded - this.#announced) >>> 0) * 2 >= RECEIVE_BUFFER) {
      this.#port.control(this, op.creditUpdate)
    }
  }

  #peerShutdown(flags: number): void {
    if (flags & SHUTDOWN_SEND) {
      this.#readEnded = true
      this.#endReading()
    }
    if (flags & SHUTDOWN_RECEIVE) this.#failWrite(gone('The guest closed the connection'))
    if (this.#readEnded && this.#writeClosed) this.#bothEnded()
  }

  #endReading(): void {
    if (this.#incoming.length > 0 || this.#readClosed) return
    this.#readClosed = true
    this.#reader.close()
  }

  #stopReading(): void {
    this.#readClosed = true
    this.#incoming = []
    this.#incomingBytes = 0
    if (this.#state !== 'open') return
    if (this.#writeClosed) this.reset(gone('The connection was closed'))
    else this.#port.control(this, op.shutdown, SHUTDOWN_RECEIVE)
  }

  #write(chunk: Uint8Array): Promise<void> | undefined {
    if (chunk.length === 0) return undefined
    this.#chunk = chunk
    this.#taken = 0
    this.#port.wake(this)
    if (this.#chunk === undefined) return undefined
    return new Promise((resolve, reject) => {
      this.#settleWrite = (error) => (error === undefined ? resolve() : reject(error))
    })
  }

  #finishWrite(): void {
    this.#chunk = undefined
    const settle = this.#settleWrite
    this.#settleWrite = undefined
    settle?.()
  }

  #stopWriting(): void {
    this.#writeClosed = true
    if (this.#state !== 'open') return
    // A reader that was cancelled earlier leaves nobody on this side.
    if (this.#readEnded || this.#readClosed) this.#bothEnded()
    else this.#port.control(this, op.shutdown, SHUTDOWN_SEND)
  }

  #failWrite(reason: Error): void {
    if (this.#writeClosed) return
    this.#writeClosed = true
    this.#chunk = undefined
    const settle = this.#settleWrite
    this.#settleWrite = undefined
    settle?.(reason)
    this.#writer.error(reason)
  }

  /** What was received stays readable. */
  #bothEnded(): void {
    if (this.#state === 'closed') return
    this.#port.control(this, op.reset)
    this.#detach()
  }
}
