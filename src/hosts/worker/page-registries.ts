import { EngineError } from '../../core/error.ts'
import type { RelaySettings } from '../../link/relay-settings.ts'
import type { MachineNetworks } from '../../ports/machine/networks.ts'
import type {
  RegistryRequest,
  RegistryResponse,
  RegistryTransport,
} from '../../ports/registry-transport.ts'
import { registryOf } from './guest-registry.ts'

type Way = (request: RegistryRequest) => Promise<RegistryResponse>

/**
 * Registries as a page reaches them: one on the machine's own loopback is the guest's; others by `fetch`, and by the site's
 * relay where they don't let pages in (CORS), if it offers that.
 */
export class PageRegistries implements RegistryTransport {
  readonly #direct: RegistryTransport
  readonly #settings: () => Promise<RelaySettings | undefined>
  readonly #networks: MachineNetworks
  /** The way that worked, by registry. */
  readonly #ways = new Map<string, Way>()

  constructor(
    direct: RegistryTransport,
    settings: () => Promise<RelaySettings | undefined>,
    networks: MachineNetworks,
  ) {
    this.#direct = direct
    this.#settings = settings
    this.#networks = networks
  }

  async send(request: RegistryRequest): Promise<RegistryResponse> {
    const known = this.#ways.get(request.registry)
    if (known) return known(request)
    const direct: Way = (sent) => this.#direct.send(sent)
    const own = registryOf(this.#networks, request.registry)
    const ways = own ? [own, direct] : [direct, (sent: RegistryRequest) => this.#byRelay(sent)]
    let failure: unknown
    for (const way of ways) {
      try {
        const response = await way(request)
        this.#ways.set(request.registry, way)
        return response
      } catch (error) {
        request.signal?.throwIfAborted()
        // One of the machine's own is elsewhere by way of an exception only.
        if (way !== direct || !own) failure = error
      }
    }
    throw failure
  }

  async #byRelay(request: RegistryRequest): Promise<RegistryResponse> {
    const { registry, method, path, signal } = request
    if (method !== 'GET' && method !== 'HEAD') {
      throw unreachable(
        registry,
        'a page can only push to a registry that lets it in (CORS), or to one of its own, as localhost:5000',
      )
    }
    const relay = await this.#settings()
    if (!relay?.registries) {
      throw new EngineError(
        'internal',
        `Get "https://${registry}/v2/": the registry can not be reached from a page, and this site has no relay that could`,
      )
    }
    const url = `${relay.url.replace(/^ws/, 'http')}registry/${placeOf(registry)}${path}`
    const { authorization, ...others } = request.headers
    const headers = {
      ...others,
      'x-relay-token': relay.token ?? '',
      ...(authorization !== undefined && { 'x-registry-authorization': authorization }),
    }
    let response: Response
    try {
      response = await fetch(url, { method, headers, ...(signal ? { signal } : {}) })
    } catch (cause) {
      signal?.throwIfAborted()
      throw unreachable(registry, 'the relay can not be reached', cause)
    }
    if (response.headers.has('x-relay-error')) {
      throw unreachable(registry, (await response.text()).trim())
    }
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: response.body ?? new Blob([]).stream(),
    }
  }
}

/** The relay's own machine is spoken to in plain HTTP, as Docker does with registries on the loopback. */
function placeOf(registry: string): string {
  const found = /^host\.docker\.internal(:\d+)?$/.exec(registry)
  return found ? `http/localhost${found[1] ?? ''}` : `https/${registry}`
}

const unreachable = (registry: string, why: string, cause?: unknown): EngineError =>
  new EngineError('internal', `Get "https://${registry}/v2/": ${why}`, { cause })
