import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex as NodeDuplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { WISP_PACKET_MAX } from '../../codec/wisp.ts'
import type { EgressPolicy } from './egress-policy.ts'
import { isLoopbackHost } from './loopback-host.ts'
import type { RelaySettings } from '../../link/relay-settings.ts'
import { connectOutside } from './relay-outside.ts'
import { fetchRegistry } from './relay-registry.ts'
import { RelaySession, type RelayLimits } from './relay-session.ts'

export interface RelayServerOptions {
  readonly policy: EgressPolicy
  /** Pages that may use it: `https://site.example`. `own`: those of the loopback server that it is a part of. */
  readonly origins: readonly string[] | 'own'
  /** What a page must know. Default: a new one. */
  readonly token?: string | undefined
  readonly limits?: Partial<RelayLimits & { readonly sessions: number }>
}

const RELAY_PATH = '/relay/'
const registryPath = /^\/relay\/registry\/(https?)\/([^/@?#]+)(\/.*)$/
const PAGE_HEADERS = 'accept, range, x-relay-token, x-registry-authorization'

const defaults = {
  sessions: 32,
  streams: 256,
  bytes: 16 * 1024 ** 3,
  idle: 15 * 60_000,
}
/** Milliseconds between two questions whether a client is still there. */
const HEARTBEAT = 30_000

/**
 * A relay for pages: Wisp over WebSocket. It connects to nothing but what its policy opens, for nobody but pages of its
 * origins that know its token.
 */
export class RelayServer implements Disposable {
  readonly token: string
  readonly #options: RelayServerOptions
  readonly #limits: typeof defaults
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: WISP_PACKET_MAX,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('wisp') ? 'wisp' : false),
  })
  readonly #sessions = new Set<RelaySession>()
  readonly #heartbeat: NodeJS.Timeout

  constructor(options: RelayServerOptions) {
    this.#options = options
    this.#limits = { ...defaults, ...options.limits }
    this.token = options.token ?? randomBytes(24).toString('base64url')
    this.#heartbeat = setInterval(() => this.#look(), HEARTBEAT).unref()
  }

  /** What the page beside it is to know. */
  get settings(): RelaySettings {
    return { url: RELAY_PATH.slice(1), token: this.token, registries: true }
  }

  /** Never connect to this port of this machine: whoever reads the page's settings there knows the token. */
  closePort(port: number): void {
    this.#options.policy.closePort(port)
  }

  /** Clients, and what they have open. */
  get counts(): { readonly sessions: number; readonly streams: number } {
    let streams = 0
    for (const session of this.#sessions) streams += session.streams
    return { sessions: this.#sessions.size, streams }
  }

  /** May who sends this use the relay? Compared in constant time. */
  permits(request: IncomingMessage, token: string | undefined): boolean {
    return this.#knows(request) && same(token ?? '', this.token)
  }

  /** Is it one of the pages that may use it? */
  #knows({ headers: { origin, host } }: IncomingMessage): boolean {
    if (origin === undefined) return false
    const { origins } = this.#options
    if (origins !== 'own') return origins.includes(origin)
    return isLoopbackHost(host) && origin === `http://${host}`
  }

  /** For a server's `upgrade` event. */
  upgrade(request: IncomingMessage, socket: NodeDuplex, head: Buffer): void {
    socket.on('error', () => undefined)
    const path = (request.url ?? '').split('?')[0]
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',')
    const token = offered.map((item) => item.trim()).find((item) => item.startsWith('token.'))
    if (path !== RELAY_PATH) refuse(socket, '404 Not Found')
    else if (!this.permits(request, token?.slice('token.'.length))) refuse(socket, '403 Forbidden')
    else if (this.#sessions.size >= this.#limits.sessions) refuse(socket, '503 Service Unavailable')
    else {
      this.#server.handleUpgrade(request, socket, head, (client) => {
        const session = new RelaySession(client, {
          limits: this.#limits,
          connect: (target, signal) => connectOutside(this.#options.policy, target, signal),
        })
        this.#sessions.add(session)
        client.once('close', () => this.#sessions.delete(session))
        alive.add(client)
        client.on('pong', () => alive.add(client))
      })
    }
  }

  /**
   * For a server's `request` event: `relay/registry/https/host/v2/…`, see relay-registry.ts.
   * @returns false for what is none of the relay's
   */
  request(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = '', search = ''] = (request.url ?? '').split(/(?=\?)/)
    const found = registryPath.exec(path)
    if (!found) return false
    const { origin } = request.headers
    // A browser tells no origin where the page's own server is asked.
    const sameSite = origin === undefined && request.headers['sec-fetch-site'] === 'same-origin'
    const given = request.headers['x-relay-token']
    const knows =
      this.#knows(request) ||
      (sameSite && this.#options.origins === 'own' && isLoopbackHost(request.headers.host))
    response.setHeader('vary', 'origin')
    if (knows && origin !== undefined) {
      response.setHeader('access-control-allow-origin', origin)
      response.setHeader('access-control-expose-headers', '*')
    }
    if (request.method === 'OPTIONS') {
      response.setHeader('access-control-allow-headers', PAGE_HEADERS)
      response.writeHead(knows ? 204 : 403).end()
    } else if (!knows || typeof given !== 'string' || !same(given, this.token)) {
      response.writeHead(403, { 'x-relay-error': '1' }).end('not for this page\n')
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { 'x-relay-error': '1', allow: 'GET, HEAD' }).end()
    } else {
      const [, scheme = '', host = '', rest = ''] = found
      const address = `${scheme}://${host}${rest}${search}`
      if (URL.canParse(address)) {
        void fetchRegistry(this.#options.policy, request, response, new URL(address))
      } else response.writeHead(400, { 'x-relay-error': '1' }).end('no address\n')
    }
    return true
  }

  #look(): void {
    for (const client of this.#server.clients) {
      if (!alive.has(client)) {
        client.terminate()
        continue
      }
      alive.delete(client)
      client.ping()
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat)
    for (const client of this.#server.clients) client.terminate()
    this.#server.close()
  }
}

/** Clients that have answered since they were last asked. */
const alive = new WeakSet<object>()

const same = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other))

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

function refuse(socket: NodeDuplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
