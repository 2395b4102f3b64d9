import { HttpClient } from '../../../codec/http/client.ts'
import { CookieJar } from '../../../codec/http/cookies.ts'
import type { Duplex } from '../../../core/duplex.ts'
import type { MachineNetworks } from '../../../ports/machine/networks.ts'
import type { HostPort, PortPublisher } from '../../../ports/port-publisher.ts'
import { PreviewChannel } from './channel.ts'
import type { OpenPort } from './open-port.ts'
import type { PreviewSocket } from './socket.ts'

/** Connections to one port at once: event streams stay open, and a browser's limit of six does not hold here. */
const CONNECTIONS_MAX = 64
const WAITING_MAX = 256
const IDLE_MAX = 6
/** Milliseconds that an idle connection is kept: a server of one process serves nobody else meanwhile. */
const IDLE_TIME = 5_000
/** Cookie jars of containers that are kept, the last used ones: a restarted container finds its own. */
const JARS_MAX = 64

interface Publication {
  readonly open: OpenPort
  /** `0.0.0.0` and `::` are two publications of one port. */
  users: number
}

/** Published ports as the page's previews reach them. Disposing it closes all channels. */
export class PreviewPorts implements PortPublisher, Disposable {
  readonly #networks: () => Promise<MachineNetworks>
  readonly #ports = new Map<number, Publication>()
  readonly #jars = new Map<string, CookieJar>()
  readonly #channels = new Map<number, PreviewChannel>()
  readonly #sockets = new Map<number, Set<PreviewSocket>>()
  readonly #sweep: ReturnType<typeof setInterval>

  constructor(networks: () => Promise<MachineNetworks>) {
    this.#networks = networks
    this.#sweep = setInterval(() => this.#closeIdle(), IDLE_TIME / 2)
  }

  publish(
    host: HostPort,
    target: () => { readonly address: string; readonly port: number },
  ): Promise<AsyncDisposable> {
    const { port, protocol, container } = host
    if (protocol !== 'tcp') return Promise.resolve(nothing)
    let publication = this.#ports.get(port)
    // Two containers may have one port on different addresses; here there is one `localhost`.
    if (publication && publication.open.container !== container.name)
      return Promise.resolve(nothing)
    if (!publication) {
      publication = { open: this.#open(port, container, target), users: 0 }
      this.#ports.set(port, publication)
    }
    publication.users++
    const taken = publication
    return Promise.resolve({
      [Symbol.asyncDispose]: () => {
        taken.users--
        if (taken.users === 0) this.#close(port, taken)
        return Promise.resolve()
      },
    })
  }

  /** Undefined: no running container publishes it. */
  get(port: number): OpenPort | undefined {
    return this.#ports.get(port)?.open
  }

  /** Serve a preview's service worker. What the one before had open is aborted: nothing tells of its end. */
  connect(port: number, channel: MessagePort): void {
    this.#channels.get(port)?.[Symbol.dispose]()
    const sockets = this.#sockets.get(port) ?? new Set()
    this.#sockets.set(port, sockets)
    this.#channels.set(port, new PreviewChannel(port, channel, () => this.get(port), sockets))
  }

  /** The preview was closed. */
  disconnect(port: number): void {
    this.#channels.get(port)?.[Symbol.dispose]()
    this.#channels.delete(port)
    for (const socket of this.#sockets.get(port) ?? []) socket.close()
    this.#sockets.delete(port)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweep)
    for (const port of this.#channels.keys()) this.disconnect(port)
    for (const { open } of this.#ports.values()) open.http[Symbol.dispose]()
  }

  #open(
    port: number,
    container: HostPort['container'],
    target: () => { readonly address: string; readonly port: number },
  ): OpenPort {
    const dial = async (signal: AbortSignal): Promise<Duplex> => {
      const networks = await this.#networks()
      return networks.dial({ protocol: 'tcp', ...target() }, signal)
    }
    const http = new HttpClient({
      dial,
      connections: CONNECTIONS_MAX,
      waiting: WAITING_MAX,
      idle: IDLE_MAX,
      now: () => performance.now(),
    })
    return {
      port,
      container: container.name,
      http,
      dial,
      jar: this.#jar(`${container.id} ${target().port}`),
    }
  }

  #jar(key: string): CookieJar {
    const jar = this.#jars.get(key) ?? new CookieJar(() => Date.now())
    this.#jars.delete(key)
    this.#jars.set(key, jar)
    const [oldest] = this.#jars.keys()
    if (this.#jars.size > JARS_MAX && oldest !== undefined) this.#jars.delete(oldest)
    return jar
  }

  #close(port: number, { open }: Publication): void {
    this.#ports.delete(port)
    open.http[Symbol.dispose]()
  }

  #closeIdle(): void {
    for (const { open } of this.#ports.values()) open.http.closeIdle(IDLE_TIME)
  }
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() }
