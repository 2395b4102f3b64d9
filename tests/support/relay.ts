import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { encodeWisp, parseWisp, wispExtensions, type WispPacket } from '../../src/codec/wisp.ts'
import { EgressPolicy, type EgressRules } from '../../src/hosts/node/egress-policy.ts'
import { RelayServer, type RelayServerOptions } from '../../src/hosts/node/relay-server.ts'
import { serveFolder } from '../../src/hosts/node/static-server.ts'
import { RelayClient, type RelayOptions } from '../../src/hosts/relay-client.ts'

export interface TestRelay extends AsyncDisposable {
  readonly server: RelayServer
  /** `http://localhost:40000` */
  readonly origin: string
  /** `ws://localhost:40000/relay/` */
  readonly url: string
  /** A client as the page has it. */
  client(locate?: () => TestRelay): RelayClient
}

type Options = EgressRules &
  Pick<RelayServerOptions, 'limits'> & { readonly policy?: EgressPolicy; readonly port?: number }

/** A relay beside a page's files, as `drydock playground` has it. */
export async function startRelay(options: Options = {}): Promise<TestRelay> {
  const policy = options.policy ?? new EgressPolicy(options)
  const { limits } = options
  const server = new RelayServer({ policy, origins: 'own', ...(limits && { limits }) })
  const folder = mkdtempSync(join(tmpdir(), 'drydock-relay-'))
  const page = await serveFolder(
    folder,
    options.port ?? 0,
    { relay: server.settings },
    {
      request: (request, response) => server.request(request, response),
      upgrade: (request, socket, head) => server.upgrade(request, socket, head),
    },
  )
  const origin = page.url.replace(/\/$/, '')
  server.closePort(Number(new URL(origin).port))
  const url = `${origin.replace('http', 'ws')}/relay/`
  return {
    server,
    origin,
    url,
    client: (locate) =>
      relayClient(async () => {
        const place = locate?.()
        return { url: place?.url ?? url, token: place?.server.token ?? server.token }
      }, origin),
    [Symbol.asyncDispose]: async () => {
      server[Symbol.dispose]()
      await page[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Node has no WebSocket of its own before version 22; a browser sends the origin by itself. */
const relayClient = (locate: RelayOptions['locate'], origin: string): RelayClient =>
  new RelayClient({
    locate,
    open: (address, protocols) => new WebSocket(address, [...protocols], { origin }),
  })

/** A client that says what it likes. */
export class RawClient implements AsyncDisposable {
  readonly socket: WebSocket
  readonly packets: WispPacket[] = []
  #wake: (() => void) | undefined
  closed = false

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => {
      const packet = parseWisp(data as Buffer)
      if (packet) this.packets.push(packet)
      this.#wake?.()
    })
    socket.on('close', () => {
      this.closed = true
      this.#wake?.()
    })
    socket.on('error', () => undefined)
  }

  /** @returns the status of a refusal */
  static async open(
    url: string,
    protocols: readonly string[],
    origin?: string,
  ): Promise<RawClient | number> {
    const socket = new WebSocket(url, [...protocols], origin === undefined ? {} : { origin })
    const client = new RawClient(socket)
    return new Promise((resolve) => {
      socket.once('open', () => resolve(client))
      socket.once('unexpected-response', (_, response) => {
        socket.terminate()
        resolve(response.statusCode ?? 0)
      })
    })
  }

  static async greeted(relay: TestRelay, window?: number): Promise<RawClient> {
    const client = await RawClient.open(
      relay.url,
      ['wisp', `token.${relay.server.token}`],
      relay.origin,
    )
    if (typeof client === 'number') throw new Error(`refused: ${client}`)
    await client.next('info')
    const extensions = window === undefined ? [] : wispExtensions(window)
    client.send({ type: 'info', major: 2, minor: 0, extensions })
    return client
  }

  send(packet: WispPacket): void {
    this.socket.send(encodeWisp(packet))
  }

  connect(stream: number, host: string, port: number): void {
    this.send({ type: 'connect', stream, protocol: 'tcp', port, host })
  }

  /** The next packet of a type, and of a stream if one is given; those before it are dropped. */
  async next<T extends WispPacket['type']>(
    type: T,
    stream?: number,
  ): Promise<WispPacket & { type: T }> {
    for (;;) {
      const at = this.packets.findIndex(
        (packet) =>
          packet.type === type &&
          (stream === undefined || ('stream' in packet && packet.stream === stream)),
      )
      if (at >= 0) return this.packets.splice(0, at + 1).at(-1) as WispPacket & { type: T }
      if (this.closed) throw new Error(`the relay closed before a ${type}`)
      await this.#more()
    }
  }

  async end(): Promise<void> {
    while (!this.closed) await this.#more()
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate()
    await this.end()
  }
}

export interface TestPeer extends AsyncDisposable {
  readonly port: number
  readonly sockets: ReadonlySet<Socket>
}

/** A TCP server on the loopback. */
export async function startPeer(
  serve: (socket: Socket) => void,
  host: '127.0.0.1' | '::1' = '127.0.0.1',
): Promise<TestPeer> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    serve(socket)
  })
  server.listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    sockets,
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
