import type { NetworkResource } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import { shortId } from '../../core/short-id.ts'
import type { ContainerSetup } from '../containers/record.ts'
import { splitMode } from '../containers/validate-host.ts'
import type { ContainerBrief, Context } from '../context.ts'
import { parseMoment } from '../moment.ts'
import type { Filters } from '../filters.ts'
import { Mutex } from '../mutex.ts'
import { parseSubnet, type Subnet } from './addresses.ts'
import { networkRecord, type NetworkCreateRequest } from './create.ts'
import type { EndpointConfig } from './attachment.ts'
import type { Endpoint } from './endpoint.ts'
import { Names } from './names.ts'
import { Network } from './network.ts'
import { configOf, namesOf, networkNames } from './members.ts'
import { PortTable } from './ports.ts'
import { predefined, predefinedRecord } from './predefined.ts'
import { publishPorts } from './publish.ts'
import { parseNetworkRecord, type NetworkRecord } from './record.ts'
import type { Sandbox } from './sandbox.ts'
import { randomId } from '../random-id.ts'

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
    for (const name of predefined) await networks.#ensurePredefined(name)
    context.machine.guest.onState(({ state }) => {
      if (state !== 'running') networks.#bridges.clear()
    })
    const names = new Names((container) => networks.sandbox(container), context.names)
    context.machine.networks.resolveNames((question) => names.answer(question))
    return networks
  }

  async #ensurePredefined(name: (typeof predefined)[number]): Promise<void> {
    if (this.all().some((network) => network.name === name)) return
    await this.#add(predefinedRecord(name, this.newId(), this.#now()))
  }

  #now(): string {
    return new Date(this.#context.clock.now()).toISOString()
  }

  async #add(record: NetworkRecord): Promise<Network> {
    await this.#context.records.commit([{ kind: 'network', key: record.id, value: record }])
    const network = new Network(record)
    this.#networks.set(record.id, network)
    return network
  }

  newId(): string {
    return randomId(this.#context.clock)
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
      created: this.#now(),
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
        ([container, { id }]) => `name:"${names.get(container) ?? ''}" id:"${shortId(id)}"`,
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
      await this.#context.machine.networks.remove(bridge).catch((error: unknown) => {
        this.#context.log.add(`network ${network.name}: ${String(error)}`)
      })
    }
    await this.#context.records.commit([{ kind: 'network', key: network.id, delete: true }])
    this.#event(network, 'destroy')
  }

  async prune(filters: Filters): Promise<{ readonly NetworksDeleted: readonly string[] | null }> {
    filters.check(['label', 'label!', 'until'])
    using _ = await this.#changing.lock()
    const until = filters.get('until').map((text) => parseMoment(text, this.#context.clock.now()))
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
  async join(setup: ContainerSetup): Promise<Sandbox | undefined> {
    const [mode] = splitMode(setup.hostConfig.NetworkMode)
    if (mode === 'container') return undefined
    await this.leave(setup.id)
    const sandbox: Sandbox = {
      id: this.newId(),
      endpoints: [],
      nextLink: 0,
      ports: [],
      opened: [],
      servers: setup.hostConfig.Dns,
    }
    this.#sandboxes.set(setup.id, sandbox)
    try {
      for (const name of networkNames(setup)) {
        this.place(sandbox, setup, this.get(name), configOf(setup, name))
      }
      await Promise.all(sandbox.endpoints.map(({ network }) => this.ensureBridge(network)))
      await this.publish(sandbox, setup)
    } catch (error) {
      await this.leave(setup.id)
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
    setup: ContainerSetup,
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
      names: namesOf(setup, config),
    }
    network.endpoints.set(setup.id, endpoint)
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
    const made = this.#context.machine.networks.create(network.guest())
    this.#bridges.set(network.bridge, made)
    made.catch(() => this.#bridges.delete(network.bridge))
    return made
  }

  /** Open the ports of a container that has a place. */
  publish(sandbox: Sandbox, setup: ContainerSetup): Promise<void> {
    return publishPorts(this.#ports, this.#context.ports, sandbox, setup)
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
