import { setMaxListeners } from 'node:events'
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from '../../core/duplex.ts'
import { EngineError } from '../../core/error.ts'
import { Slots } from '../../core/slots.ts'
import type { MachineNetworks } from '../../ports/machine/networks.ts'
import type { HostPort, PortPublisher } from '../../ports/port-publisher.ts'

interface Target {
  readonly address: string
  readonly port: number
}

/** Milliseconds that a peer of a UDP port may say nothing before it is forgotten, as docker-proxy. */
const peerTimeout = 90_000
const peersMax = 256
/** Connections that are open to containers at once; more of them wait. Each takes memory of the guest's. */
const connectionsMax = 256

/**
 * Published ports as sockets of this host. It is reached by its loopback alone: `0.0.0.0` and `::` mean that, and an address
 * of another kind is open in the guest only.
 */
export class NodePorts implements PortPublisher {
  readonly #networks: MachineNetworks
  readonly #connections = new Slots(connectionsMax)

  constructor(networks: MachineNetworks) {
    this.#networks = networks
  }

  async publish(host: HostPort, target: () => Target): Promise<AsyncDisposable> {
    const address = loopback(host.address)
    if (address === undefined) return nothing
    try {
      return await (host.protocol === 'tcp'
        ? this.#tcp({ ...host, address }, target)
        : this.#udp({ ...host, address }, target))
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      // A host without IPv6.
      if (address === '::1' && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) return nothing
      throw refusal(error)
    }
  }

  async #tcp(host: HostPort, target: () => Target): Promise<AsyncDisposable> {
    const sockets = new Set<Socket>()
    const stop = new AbortController()
    // One for each connection that is being made.
    setMaxListeners(0, stop.signal)
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => undefined)
      this.#carry(socket, target, stop.signal).catch(() => socket.resetAndDestroy())
    })
    await listening(server, host)
    return {
      [Symbol.asyncDispose]: () => {
        stop.abort(new EngineError('unavailable', 'The port is not published any more'))
        for (const socket of sockets) socket.destroy()
        return new Promise((resolve) => {
          server.close(() => resolve())
        })
      },
    }
  }

  async #carry(socket: Socket, target: () => Target, signal: AbortSignal): Promise<void> {
    using _place = await this.#connections.take(signal)
    if (socket.destroyed) return
    await join(socket, await this.#networks.dial({ protocol: 'tcp', ...target() }, signal))
  }

  async #udp(host: HostPort, target: () => Target): Promise<AsyncDisposable> {
    const socket = createSocket(host.address.includes(':') ? 'udp6' : 'udp4')
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ address: host.address, port: host.port }, () => {
        socket.off('error', reject)
        resolve()
      })
    })
    socket.on('error', () => undefined)
    const peers = new Map<string, Peer>()
    socket.on('message', (bytes, from) => {
      const key = `${from.address} ${from.port}`
      let peer = peers.get(key)
      if (!peer) {
        // What there is no room for is lost, as on a network.
        if (peers.size >= peersMax) return
        const dialled = this.#networks.dial({ protocol: 'udp', ...target() })
        peer = new Peer(dialled, socket, from, () => peers.delete(key))
        peers.set(key, peer)
      }
      peer.send(bytes)
    })
    return {
      [Symbol.asyncDispose]: () => {
        for (const peer of peers.values()) peer.close()
        return new Promise((resolve) => {
          socket.close(() => resolve())
        })
      },
    }
  }
}

/** Who talks to a UDP port. */
class Peer {
  readonly #dialled: Promise<Duplex>
  readonly #writer: Promise<WritableStreamDefaultWriter<Uint8Array> | undefined>
  readonly #gone: () => void
  #timer: NodeJS.Timeout
  #closed = false

  constructor(
    dialled: Promise<Duplex>,
    socket: DatagramSocket,
    from: { readonly address: string; readonly port: number },
    gone: () => void,
  ) {
    this.#dialled = dialled
    this.#gone = gone
    this.#timer = setTimeout(() => this.close(), peerTimeout).unref()
    this.#writer = dialled.then(
      ({ writable }) => writable.getWriter(),
      () => {
        this.close()
        return undefined
      },
    )
    void this.#answer(socket, from)
  }

  async #answer(
    socket: DatagramSocket,
    from: { readonly address: string; readonly port: number },
  ): Promise<void> {
    try {
      const { readable } = await this.#dialled
      const reader = readable.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done || this.#closed) break
        this.#timer.refresh()
        socket.send(value, from.port, from.address)
      }
    } catch {
      // The guest or the port is gone.
    }
    this.close()
  }

  send(bytes: Uint8Array): void {
    this.#timer.refresh()
    void this.#writer.then((writer) => writer?.write(bytes)).catch(() => this.close())
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#gone()
    void this.#writer.then((writer) => writer?.abort()).catch(() => undefined)
  }
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() }

function loopback(address: string): string | undefined {
  if (address === '0.0.0.0' || address === '') return '127.0.0.1'
  if (address === '::') return '::1'
  return address === '::1' || address.startsWith('127.') ? address : undefined
}

function refusal(error: unknown): EngineError {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') {
    return new EngineError('conflict', 'address already in use', { cause: error })
  }
  if (code === 'EACCES') {
    return new EngineError('forbidden', 'permission denied', { cause: error })
  }
  return new EngineError('internal', error instanceof Error ? error.message : String(error), {
    cause: error,
  })
}

const listening = (server: Server, { address, port }: HostPort): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, backlog: 511 }, () => {
      server.off('error', reject)
      resolve()
    })
  })

/** Carries both directions, each to its own end; a break of one is a break of both. */
async function join(socket: Socket, guest: Duplex): Promise<void> {
  const broken = (): void => {
    socket.destroy()
  }
  const inward = async (): Promise<void> => {
    const writer = guest.writable.getWriter()
    try {
      for await (const bytes of socket) {
        await writer.ready
        writer.write(bytes as Uint8Array).catch(() => undefined)
      }
      await writer.close()
    } catch (error) {
      await writer.abort(error).catch(() => undefined)
      throw error
    }
  }
  const outward = async (): Promise<void> => {
    const reader = guest.readable.getReader()
    socket.once('close', () => void reader.cancel().catch(() => undefined))
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (!socket.write(value)) {
        await new Promise((resolve) => {
          socket.once('drain', resolve)
          socket.once('close', resolve)
        })
      }
      if (socket.destroyed) throw new Error('closed')
    }
    socket.end()
  }
  await Promise.all([inward(), outward()]).catch(broken)
}
