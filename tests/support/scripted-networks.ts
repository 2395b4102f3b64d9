import type { Duplex } from '../../src/core/duplex.ts'
import { EngineError } from '../../src/core/error.ts'
import type { GuestNetwork, NetworkChange, NetworkEndpoint } from '../../src/core/guest-networks.ts'
import type { DialTarget } from '../../src/core/guest-protocol.ts'
import type { MachineNetworks, NameResolver } from '../../src/ports/machine/networks.ts'
import type { ScriptedContainers } from './scripted-containers.ts'

export class ScriptedNetworks implements MachineNetworks {
  /** By bridge. */
  readonly bridges: Map<string, GuestNetwork> = new Map()
  /** Connects and disconnects of running containers. */
  readonly changes: (NetworkChange & {
    readonly container: string
    readonly endpoint?: NetworkEndpoint
    readonly link?: string
  })[] = []
  readonly dialled: DialTarget[] = []
  names: NameResolver | undefined
  readonly #containers: ScriptedContainers

  constructor(containers: ScriptedContainers) {
    this.#containers = containers
  }

  async create(network: GuestNetwork): Promise<void> {
    this.bridges.set(network.bridge, network)
  }

  async remove(bridge: string): Promise<void> {
    this.bridges.delete(bridge)
  }

  async connect(id: string, endpoint: NetworkEndpoint, change: NetworkChange): Promise<void> {
    this.#containers.running(id)
    if (!this.bridges.has(endpoint.bridge)) throw new EngineError('internal', 'no such bridge')
    this.changes.push({ container: id, endpoint, ...change })
  }

  async disconnect(id: string, link: string, change: NetworkChange): Promise<void> {
    this.#containers.running(id)
    this.changes.push({ container: id, link, ...change })
  }

  async dial(target: DialTarget): Promise<Duplex> {
    this.dialled.push(target)
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    return { readable, writable }
  }

  resolveNames(resolve: NameResolver): void {
    this.names = resolve
  }

  connectOutside(): void {
    // Nothing in it connects.
  }
}
