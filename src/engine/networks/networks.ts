import type { NetworkResource } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import type { ContainerRecord } from '../containers/record.ts'
import { splitMode } from '../containers/validate-host.ts'
import type { ContainerBrief, Context } from '../context.ts'
import type { Filters } from '../filters.ts'
import { Mutex } from '../mutex.ts'
import { parseSubnet, type Subnet } from './addresses.ts'
import { networkRecord, type NetworkCreateRequest } from './create.ts'
import type { Endpoint, EndpointConfig } from './endpoint.ts'
import { Names } from './names.ts'
import { Network } from './network.ts'
import { PortTable, portRequests } from './ports.ts'
import { parseNetworkRecord, type NetworkRecord } from './record.ts'
import { portTarget, type Sandbox } from './sandbox.ts'

/** What a bridge of Docker's own has (moby daemon/daemon_unix.go). */
const defaultBridge = {
  'com.docker.network.bridge.default_bridge': 'true',
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
  'com.docker.network.bridge.name': 'docker0',
  'com.docker.network.driver.mtu': '1500',
}

/** The networks of an engine, and which running container is in which. Their bridges are made in the guest when needed. */
export class Networks {
  readonly #context: Context
  readonly #networks = new Map<string, Network>()
  readonly #containers: () => readonly ContainerBrief[]
  readonly #sandboxes = new Map<string, Sandbox>()
  readonly #ports = new PortTable()
  /** Bridges that the running guest has, or is about to have. */
  readonly #bridges = new Map<string, Promise<void>>()
  /** Held while a network is made or removed. */
  readonly #changing = new Mutex()

  private constructor(context: Context, containers: () => readonly ContainerBrief[]) {
    this.#context = context
    this.#containers = containers
  }

  /** @param containers their names are shown and resolved */
  static async open(
    context: Context,
    containers: () => readonly ContainerBrief[],
  ): Promise<Networks> {
    const networks = new Networks(context, containers)
    const outdated: string[] = []
    for (const [key, value] of await context.records.list('network')) {
      const record = parseNetworkRecord(value)
      if (record) networks.#networks.set(record.id, new Network(record))
      else outdated.push(key)
    }
    for (const key of outdated) {
      await context.records.commit([{ kind: 'network', key, delete: true }])
    }
    for (const name of ['bridge', 'host', 'none']) await networks.#ensurePredefined(name)
    context.machine.onState(({ state }) => {
      if (state !== 'running') networks.#bridges.clear()
    })
    const names = new Names(networks, context.names)
    context.machine.resolveNames((question) => names.answer(question))
    return networks
  }

  async #ensurePredefined(name: string): Promise<void> {
    if (this.all().some((network) => network.name === name)) return
    const bridge = name === 'bridge'
    await this.#add({
      schema: 2,
      id: this.newId(),
      name,
      driver: name === 'none' ? 'null' : bridge ? 'bridge' : 'host',
      created: new Date(this.#context.clock.now()).toISOString(),
      ipv4: true,
      ipv6: false,
      internal: false,
      attachable: false,
      ipam: {
        options: null,
        config: bridge ? [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }] : [],
        chosen: [],
      },
      options: bridge ? defaultBridge : {},
      labels: {},
    })
  }

  async #add(record: NetworkRecord): Promise<Network> {
    await this.#context.records.commit([{ kind: 'network', key: record.id, value: record }])
    const network = new Network(record)
    this.#networks.set(record.id, network)
    return network
  }

  newId(): string {
    return hex(this.#context.clock.randomBytes(32))
  }

  all(): Network[] {
    return [...this.#networks.values()]
  }

  /**
   * By name, ID or unique prefix of one.
   * @throws EngineError `not-found`, `invalid-parameter` when several match
   */
  get(nameOrId: string): Network {
    const all = this.all()
    const exact = all.find(({ id }) => id === nameOrId) ?? all.find(({ name }) => name === nameOrId)
    if (exact) return exact
    const found = nameOrId ? all.filter(({ id }) => id.startsWith(nameOrId)) : []
    if (found.length > 1) {
      throw new EngineError(
        'invalid-parameter',
        `network ${nameOrId} is ambiguous (${found.length} matches found based on ID prefix)`,
      )
    }
    const [only] = found
    if (!only) throw new EngineError('not-found', `network ${nameOrId} not found`)
    return only
  }

  list(filters: Filters): NetworkResource[] {
    filters.check(['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'])
    for (const type of filters.get('type')) {
      if (type !== 'builtin' && type !== 'custom') {
        throw new EngineError('invalid-parameter', `invalid filter: 'type'='${type}'`)
      }
    }
    const dangling = filters.has('dangling') ? filters.bool('dangling', false) : undefined
    return this.all()
      .filter(
        ({ record, endpoints, predefined }) =>
          filters.exact('driver', record.driver) &&
          filters.prefix('id', record.id) &&
          filters.labels(record.labels) &&
          filters.pattern('name', record.name) &&
          filters.exact('scope', 'local') &&
          filters.exact('type', predefined ? 'builtin' : 'custom') &&
          (dangling === undefined || dangling === (!predefined && endpoints.size === 0)),
      )
      .map((network) => network.resource())
  }

  inspect(nameOrId: string): NetworkResource {
    return this.get(nameOrId).resource(this.containerNames())
  }

  containerNames(): ReadonlyMap<string, string> {
    return new Map(this.#containers().map(({ id, name }) => [id, name]))
  }

  /** @throws EngineError in Docker's words */
  async create(request: NetworkCreateRequest): Promise<{ Id: string; Warning: string }> {
    using _ = await this.#changing.lock()
    const { Name: name = '' } = request
    if (name.trim() === '') {
      throw new EngineError('invalid-parameter', 'invalid name: name is empty')
    }
    if (['bridge', 'host', 'none', 'default', 'container'].includes(name)) {
      throw new EngineError('forbidden', `operation is not permitted on predefined ${name} network`)
    }
    if (this.all().some((network) => network.name === name)) {
      throw new EngineError('conflict', `network with name ${name} already exists`)
    }
    const id = this.newId()
    const record = networkRecord(request, this.#subnets(), {
      id,
      created: new Date(this.#context.clock.now()).toISOString(),
      seed: new TextEncoder().encode(this.get('bridge').id),
    })
    const network = new Network(record)
    const other = this.all().find(({ bridge }) => bridge === network.bridge)
    if (other) {
      throw new EngineError(
        'forbidden',
        `cannot create network ${id} (${network.bridge}): conflicts with network ${other.id} (${other.bridge}): networks have same bridge name`,
      )
    }
    await this.#add(record)
    this.#event(network, 'create')
    return { Id: id, Warning: '' }
  }

  #subnets(): Subnet[] {
    return this.all()
      .flatMap(({ record }) => record.ipam.config.map(({ Subnet: text }) => parseSubnet(text)))
      .filter((subnet) => subnet !== undefined)
  }

  /** @throws EngineError `forbidden` for one that is predefined or in use */
  async remove(nameOrId: string): Promise<void> {
    using _ = await this.#changing.lock()
    const network = this.get(nameOrId)
    if (network.predefined) {
      throw new EngineError(
        'forbidden',
        `${network.name} is a pre-defined network and cannot be removed`,
      )
    }
    const [used] = network.endpoints
    if (used) {
      const names = this.containerNames()
      const list = [...network.endpoints].map(
        ([container, { id }]) => `name:"${names.get(container) ?? ''}" id:"${id.slice(0, 12)}"`,
      )
      throw new EngineError(
        'forbidden',
        `error while removing network: network ${network.name} has active endpoints (${list.join(', ')})`,
      )
    }
    await this.#discard(network)
  }

  async #discard(network: Network): Promise<void> {
    this.#networks.delete(network.id)
    const { bridge } = network
    if (this.#bridges.has(bridge)) {
      this.#bridges.delete(bridge)
      // A guest that is gone has no bridge any more.
      await this.#context.machine.removeNetwork(bridge).catch((error: unknown) => {
        this.#context.log.add(`network ${network.name}: ${String(error)}`)
      })
    }
    await this.#context.records.commit([{ kind: 'network', key: network.id, delete: true }])
    this.#event(network, 'destroy')
  }

  async prune(filters: Filters): Promise<{ readonly NetworksDeleted: readonly string[] | null }> {
    filters.check(['label', 'label!', 'until'])
    using _ = await this.#changing.lock()
    const until = filters.get('until').map((text) => pointInTime(text, this.#context.clock.now()))
    const deleted: string[] = []
    for (const network of this.all()) {
      const { record, predefined, endpoints } = network
      if (predefined || endpoints.size > 0 || !filters.labels(record.labels)) continue
      if (filters.has('label!') && filters.labels(record.labels, 'label!')) continue
      if (until.some((limit) => Date.parse(record.created) > limit)) continue
      await this.#discard(network)
      deleted.push(record.name)
    }
    this.#context.events.publish({
      Type: 'network',
      Action: 'prune',
      Actor: { ID: '', Attributes: { reclaimed: '0' } },
    })
    return { NetworksDeleted: deleted.length > 0 ? deleted : null }
  }

  sandbox(container: string): Sandbox | undefined {
    return this.#sandboxes.get(container)
  }

  /**
   * Places for a container that starts, in all its networks, and its ports. `leave` gives them back.
   * @throws EngineError in Docker's words
   */
  async join(record: ContainerRecord): Promise<Sandbox | undefined> {
    const [mode] = splitMode(record.hostConfig.NetworkMode)
    if (mode === 'container') return undefined
    await this.leave(record.id)
    const sandbox: Sandbox = {
      id: this.newId(),
      endpoints: [],
      nextLink: 0,
      ports: [],
      opened: [],
      servers: record.hostConfig.Dns,
    }
    this.#sandboxes.set(record.id, sandbox)
    try {
      for (const name of networkNames(record)) {
        this.place(sandbox, record, this.get(name), configOf(record, name))
      }
      await Promise.all(sandbox.endpoints.map(({ network }) => this.ensureBridge(network)))
      await this.publish(sandbox, record)
    } catch (error) {
      await this.leave(record.id)
      if (!(error instanceof EngineError)) throw error
      throw new EngineError(error.code, `failed to set up container networking: ${error.message}`, {
        cause: error,
      })
    }
    return sandbox
  }

  /** Another endpoint of a sandbox. */
  place(
    sandbox: Sandbox,
    record: ContainerRecord,
    network: Network,
    config: EndpointConfig,
  ): Endpoint {
    const linked = network.record.driver === 'bridge'
    const addresses = linked ? network.takeAddresses(config) : []
    const random = (): Uint8Array => this.#context.clock.randomBytes(4)
    const endpoint: Endpoint = {
      network,
      id: this.newId(),
      config,
      interface: linked ? `eth${sandbox.nextLink++}` : '',
      mac: linked ? config.MacAddress || network.macFor(addresses, random) : '',
      addresses,
      names: namesOf(record, config),
    }
    network.endpoints.set(record.id, endpoint)
    sandbox.endpoints = [...sandbox.endpoints, endpoint]
    return endpoint
  }

  /** The counterpart of `place`. */
  vacate(container: string, endpoint: Endpoint): void {
    endpoint.network.release(endpoint.addresses)
    endpoint.network.endpoints.delete(container)
    const sandbox = this.#sandboxes.get(container)
    if (sandbox) sandbox.endpoints = sandbox.endpoints.filter((other) => other !== endpoint)
  }

  /** The network's bridge, in the guest that runs now. */
  ensureBridge(network: Network): Promise<void> {
    if (network.record.driver !== 'bridge') return Promise.resolve()
    const known = this.#bridges.get(network.bridge)
    if (known) return known
    const made = this.#context.machine.createNetwork(network.guest())
    this.#bridges.set(network.bridge, made)
    made.catch(() => this.#bridges.delete(network.bridge))
    return made
  }

  /** Open the ports of a container that has a place. */
  async publish(sandbox: Sandbox, { config, hostConfig, name }: ContainerRecord): Promise<void> {
    const endpoint = sandbox.endpoints[0]
    const address = portTarget(sandbox.endpoints)
    // Without a way to the host, as in an internal network, Docker opens none either.
    if (!endpoint || address === undefined) return
    try {
      for (const request of portRequests(config, hostConfig)) {
        const refused = new Set<number>()
        for (;;) {
          const bindings = this.#ports.take(request, refused)
          sandbox.ports = [...sandbox.ports, ...bindings]
          // It may be in other networks later.
          const target = (): { address: string; port: number } => ({
            address: portTarget(sandbox.endpoints) ?? address,
            port: request.containerPort,
          })
          try {
            for (const { protocol, hostIp, hostPort } of bindings) {
              const opened = await this.#context.ports?.publish(
                { protocol, address: hostIp, port: hostPort },
                target,
              )
              if (opened) sandbox.opened = [...sandbox.opened, opened]
            }
            break
          } catch (error) {
            const port = bindings[0]?.hostPort ?? 0
            if (!(error instanceof EngineError) || request.hostPorts[0] === request.hostPorts[1]) {
              throw new EngineError(
                'internal',
                `failed to bind host port for ${bindings[0]?.hostIp}:${port}:${address}:${request.containerPort}/${request.protocol}: ${error instanceof Error ? error.message : String(error)}`,
                { cause: error },
              )
            }
            // A port of another program's: the next one will do.
            refused.add(port)
            this.#ports.release(bindings)
            sandbox.ports = sandbox.ports.filter((binding) => !bindings.includes(binding))
          }
        }
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      throw new EngineError(
        error.code,
        `driver failed programming external connectivity on endpoint ${name} (${endpoint.id}): ${error.message}`,
        { cause: error },
      )
    }
  }

  /** A container has ended: its addresses and ports are free. */
  async leave(container: string): Promise<void> {
    const sandbox = this.#sandboxes.get(container)
    if (!sandbox) return
    this.#sandboxes.delete(container)
    for (const endpoint of sandbox.endpoints) this.vacate(container, endpoint)
    this.#ports.release(sandbox.ports)
    for (const opened of sandbox.opened) {
      await opened[Symbol.asyncDispose]()
    }
  }

  /** Tells of a container that came or went. */
  tell(container: string, network: Network, action: 'connect' | 'disconnect'): void {
    this.#event(network, action, { container })
  }

  #event(
    network: Network,
    action: string,
    attributes: Readonly<Record<string, string>> = {},
  ): void {
    this.#context.events.publish({
      Type: 'network',
      Action: action,
      Actor: {
        ID: network.id,
        Attributes: { ...attributes, name: network.name, type: network.record.driver },
      },
    })
  }
}

/** The networks that a container is to be in: first the one that its mode names. */
export function networkNames(record: ContainerRecord): readonly string[] {
  const [mode] = splitMode(record.hostConfig.NetworkMode)
  const names = Object.keys(record.endpoints)
  // Whoever was taken out of its first network is not brought back into it, but for want of any other.
  if (names.length === 0) return [mode]
  return names.toSorted((left, right) => Number(right === mode) - Number(left === mode))
}

export const configOf = (record: ContainerRecord, name: string): EndpointConfig =>
  record.endpoints[name] ?? {}

/** What the embedded resolver knows a container by (moby daemon/container_operations.go). */
export function namesOf(record: ContainerRecord, config: EndpointConfig): readonly string[] {
  const names = [
    record.name,
    ...(config.Aliases ?? []),
    record.id.slice(0, 12),
    record.config.Hostname,
  ]
  return [...new Set(names.filter((name) => name !== ''))]
}

/** Milliseconds since 1970, from a time or a Go duration before now. */
function pointInTime(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
  if (/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)]
    return now - parts.reduce((sum, [, n, unit = '']) => sum + Number(n) * (units[unit] ?? 0), 0)
  }
  const parsed = Date.parse(text)
  if (Number.isNaN(parsed)) {
    throw new EngineError('invalid-parameter', `invalid filter 'until=${text}'`)
  }
  return parsed
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
