import { EngineError } from '../core/error.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { V86Cpu, V86Virtio } from './v86-internals.ts'
import { attachVirtioDevice, readOnlyWord } from './virtio-device.ts'
import type { VirtioQueue } from './virtio-queue.ts'
import { RECEIVE_BUFFER, VsockConnection, type VsockPort } from './vsock-connection.ts'
import {
  HOST_CID,
  readVsockHeader,
  STREAM,
  VSOCK_HEADER_SIZE,
  vsockOperation as op,
  writeVsockHeader,
  type VsockHeader,
} from './vsock-packet.ts'

export const VSOCK_SLOT = 0x0d
/** Outside of where the firmware moves the windows to. */
const PORT = 0xe000
const QUEUES = [128, 128, 16]
/** Answers that may wait for buffers before the guest's packets are left in the ring. */
const CONTROL_MAX = 256
/** Packets in a row for one connection while others wait. */
const BURST = 16
/** Completions of the guest's packets are told together: 4 KiB writes are four times faster. */
const COMPLETION_DELAY = 2
/** Host ports are used once each: the guest may hold a dead connection's port for a while. */
const FIRST_PORT = 0x1000_0000

interface Control {
  readonly localPort: number
  readonly remotePort: number
  readonly remoteCid: number
  readonly operation: number
  readonly flags: number
  readonly connection: VsockConnection | undefined
}

/**
 * virtio-vsock (virtio 1.2, 5.10). Streams are opened by the host alone: AF_VSOCK is not namespaced, so a connection from
 * the guest may be any container's, and is reset.
 */
export class VsockDevice implements VsockPort, Disposable {
  readonly virtio: V86Virtio
  readonly #rx: VirtioQueue
  readonly #tx: VirtioQueue
  readonly #events: VirtioQueue
  readonly #connections = new Map<number, VsockConnection>()
  /** Those with bytes to take and credit to send them. */
  readonly #ready = new Set<VsockConnection>()
  #control: Control[] = []
  #cid: number
  #nextPort = FIRST_PORT
  #pumping = false
  #disposed = false
  #completionTimer: ReturnType<typeof setTimeout> | undefined
  readonly #eventWaiters: (() => void)[] = []
  readonly #packet = new Uint8Array(VSOCK_HEADER_SIZE)

  constructor(cpu: V86Cpu, memory: GuestMemory, cid: number, onError: (error: unknown) => void) {
    this.#cid = cid
    const device = attachVirtioDevice(cpu, memory, {
      name: 'drydock-vsock',
      type: 19,
      slot: VSOCK_SLOT,
      port: PORT,
      queues: QUEUES,
      config: [
        readOnlyWord('guest_cid low', () => this.#cid),
        readOnlyWord('guest_cid high', () => 0),
      ],
      onNotify: (queue) => {
        if (queue === 0) this.resume()
        else if (queue === 1) this.#receive()
        else for (const wake of this.#eventWaiters.splice(0)) wake()
      },
      onReset: () => this.hangUp('The guest let its sockets go'),
      onError,
    })
    this.virtio = device.virtio
    const [rx, tx, events] = device.queues
    if (!rx || !tx || !events) throw new RangeError('A queue is missing')
    this.#rx = rx
    this.#tx = tx
    this.#events = events
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Take up what waits in the rings. */
  resume(): void {
    this.#receive()
    this.#pump()
  }

  /**
   * Open a stream to a port of the guest.
   * @throws EngineError `unavailable` when nobody listens there; the signal's reason
   */
  async connect(port: number, signal?: AbortSignal): Promise<VsockConnection> {
    signal?.throwIfAborted()
    if (this.#disposed) throw new EngineError('unavailable', 'The machine was stopped')
    if (!this.#rx.ready) throw new EngineError('unavailable', 'The guest has no sockets yet')
    const connection = new VsockConnection(this, this.#nextPort++, port)
    this.#connections.set(connection.localPort, connection)
    const abort = () => connection.reset(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      this.control(connection, op.request)
      await connection.connected
    } catch (error) {
      throw signal?.aborted ? signal.reason : error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
    return connection
  }

  /** Tell the guest that its streams are gone and its id is new: without it a restored guest keeps ghosts. */
  async transportReset(cid: number): Promise<void> {
    this.#cid = cid
    this.hangUp('The transport was reset')
    this.#control = []
    const chain = this.#events.pop()
    if (!chain) throw new EngineError('unavailable', 'The guest has no event buffers')
    // The event and a request are handled by different workers of the guest: wait until it took the event.
    const taken = new Promise<void>((resolve) => void this.#eventWaiters.push(resolve))
    chain.write(0, new Uint8Array(4))
    this.#events.push(chain, 4)
    this.#events.signal()
    await taken
  }

  wake(connection: VsockConnection): void {
    this.#ready.add(connection)
    this.#pump()
  }

  control(connection: VsockConnection, operation: number, flags = 0): void {
    this.#control.push({
      localPort: connection.localPort,
      remotePort: connection.remotePort,
      remoteCid: this.#cid,
      operation,
      flags,
      connection,
    })
    this.#pump()
  }

  remove(connection: VsockConnection): void {
    this.#connections.delete(connection.localPort)
    this.#ready.delete(connection)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    if (this.#completionTimer !== undefined) clearTimeout(this.#completionTimer)
    this.hangUp('The machine was stopped')
  }

  /** End all connections, telling their users why. */
  hangUp(reason: string): void {
    for (const connection of this.#connections.values()) {
      connection.fail(new EngineError('unavailable', reason))
    }
    this.#rx.forget()
    this.#tx.forget()
    this.#control = []
  }

  /** Packets of the guest. */
  #receive(): void {
    const bytes = new Uint8Array(VSOCK_HEADER_SIZE)
    while (this.#control.length < CONTROL_MAX) {
      const chain = this.#tx.pop()
      if (!chain) break
      if (chain.read(0, bytes) === VSOCK_HEADER_SIZE) {
        const header = readVsockHeader(bytes)
        if (header && header.length <= RECEIVE_BUFFER) {
          let payload: Uint8Array | undefined
          if (header.length > 0) {
            payload = new Uint8Array(header.length)
            if (chain.read(VSOCK_HEADER_SIZE, payload) !== header.length) payload = undefined
          }
          this.#tx.push(chain, 0)
          this.#dispatch(header, payload)
          continue
        }
      }
      this.#tx.push(chain, 0)
    }
    if (this.#tx.unsignalled * 2 >= this.#tx.size) this.#signalCompletions()
    else if (this.#tx.unsignalled > 0 && this.#completionTimer === undefined) {
      this.#completionTimer = setTimeout(() => {
        this.#completionTimer = undefined
        this.#signalCompletions()
      }, COMPLETION_DELAY)
    }
    this.#pump()
  }

  #signalCompletions(): void {
    this.#tx.signal()
  }

  #dispatch(header: VsockHeader, payload: Uint8Array | undefined): void {
    if (header.type !== STREAM || header.destinationCid !== HOST_CID) {
      this.#refuse(header)
      return
    }
    const connection = this.#connections.get(header.destinationPort)
    const known =
      connection !== undefined &&
      connection.remotePort === header.sourcePort &&
      header.sourceCid === this.#cid
    if (known) connection.handle(header, payload)
    else this.#refuse(header)
  }

  #refuse(header: VsockHeader): void {
    if (header.operation === op.reset) return
    this.#control.push({
      localPort: header.destinationPort,
      remotePort: header.sourcePort,
      remoteCid: header.sourceCid,
      operation: op.reset,
      flags: 0,
      connection: undefined,
    })
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.#sendControl() || this.#sendData());
    } finally {
      this.#pumping = false
    }
    // One interrupt tells of both queues.
    if (this.#rx.signal()) this.#tx.forget()
  }

  /** @returns whether something was sent */
  #sendControl(): boolean {
    let sent = false
    while (this.#control.length > 0 && this.#rx.available > 0) {
      const control = this.#control.shift()
      if (!control) break
      this.#send(
        control.localPort,
        control.remotePort,
        control.remoteCid,
        control.operation,
        control.flags,
        control.connection,
      )
      sent = true
    }
    return sent
  }

  /** A burst of one connection. @returns whether something was sent */
  #sendData(): boolean {
    if (this.#control.length > 0) return false
    for (const connection of this.#ready) {
      this.#ready.delete(connection)
      let sent = false
      for (let count = 0; count < BURST; count++) {
        if (connection.pending === 0 || connection.credit === 0) break
        if (this.#rx.available === 0) {
          this.#ready.add(connection)
          return sent
        }
        this.#send(connection.localPort, connection.remotePort, this.#cid, op.data, 0, connection)
        sent = true
      }
      if (connection.pending > 0 && connection.credit > 0) this.#ready.add(connection)
      if (sent) return true
    }
    return false
  }

  /** One packet into the next receive buffer; a `data` one takes of the connection what fits. */
  #send(
    sourcePort: number,
    destinationPort: number,
    destinationCid: number,
    operation: number,
    flags: number,
    connection: VsockConnection | undefined,
  ): void {
    const chain = this.#rx.pop()
    if (!chain) return
    if (chain.writable < VSOCK_HEADER_SIZE + 1) {
      this.#rx.push(chain, 0)
      return
    }
    const room = chain.writable - VSOCK_HEADER_SIZE
    const payload =
      operation === op.data ? connection?.take(Math.min(connection.credit, room)) : undefined
    const length = payload?.length ?? 0
    connection?.announced()
    writeVsockHeader(this.#packet, {
      sourceCid: HOST_CID,
      destinationCid,
      sourcePort,
      destinationPort,
      length,
      type: STREAM,
      operation,
      flags,
      bufferSize: RECEIVE_BUFFER,
      forwarded: connection?.forwarded ?? 0,
    })
    chain.write(0, this.#packet)
    if (payload) chain.write(VSOCK_HEADER_SIZE, payload)
    this.#rx.push(chain, VSOCK_HEADER_SIZE + length)
  }
}
