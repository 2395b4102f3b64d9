import type { Duplex } from '../core/duplex.ts'
import type { GuestNetwork, NetworkChange, NetworkEndpoint } from '../core/guest-networks.ts'
import type { DialTarget } from '../core/guest-protocol.ts'
import type { Egress } from '../ports/egress.ts'
import type { MachineNetworks, NameResolver } from '../ports/machine/networks.ts'
import { carryEgress } from './egress.ts'
import type { GuestKeeper } from './guest-keeper.ts'
import { answerNames, dial } from './networks.ts'

/** Bridges and links in the guest; each guest that comes up is given the ways in and out anew. */
export class GuestNetworks implements MachineNetworks {
  readonly #keeper: GuestKeeper
  readonly #log: (line: string) => void
  #names: NameResolver | undefined
  #egress: Egress | undefined

  constructor(keeper: GuestKeeper, log: (line: string) => void) {
    this.#keeper = keeper
    this.#log = log
    keeper.onState(({ state }) => {
      if (state !== 'running') return
      void this.#answerNames()
      void this.#carryEgress()
    })
  }

  async create(network: GuestNetwork): Promise<void> {
    await this.#keeper.request({ op: 'network-create', network })
  }

  async remove(bridge: string): Promise<void> {
    await this.#keeper.request({ op: 'network-remove', bridge })
  }

  async connect(
    container: string,
    endpoint: NetworkEndpoint,
    change: NetworkChange,
  ): Promise<void> {
    await this.#keeper.request({ op: 'network-connect', container, endpoint, ...change })
  }

  async disconnect(container: string, link: string, change: NetworkChange): Promise<void> {
    await this.#keeper.request({ op: 'network-disconnect', container, interface: link, ...change })
  }

  async dial(target: DialTarget, signal?: AbortSignal): Promise<Duplex> {
    return dial(
      async (open, aborted) => (await this.#keeper.ready(aborted)).openStream(open, aborted),
      target,
      signal,
    )
  }

  resolveNames(resolve: NameResolver): void {
    this.#names = resolve
    void this.#answerNames()
  }

  connectOutside(egress: Egress): void {
    this.#egress = egress
    void this.#carryEgress()
  }

  /** As long as the guest lives. */
  async #answerNames(): Promise<void> {
    const guest = this.#keeper.running
    if (!guest || !this.#names) return
    try {
      await answerNames(await guest.openStream({ channel: 'names' }), this.#names)
    } catch (error) {
      if (!guest.stopped.aborted) this.#log(`machine: names: ${String(error)}`)
    }
  }

  async #carryEgress(): Promise<void> {
    const guest = this.#keeper.running
    if (!guest || !this.#egress) return
    try {
      await carryEgress(await guest.openStream({ channel: 'egress' }), this.#egress, {
        openStream: (open) => guest.openStream(open),
        log: this.#log,
      })
    } catch (error) {
      if (!guest.stopped.aborted) this.#log(`machine: egress: ${String(error)}`)
    }
  }
}
