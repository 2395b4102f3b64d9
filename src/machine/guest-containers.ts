import type { ContainerStats, ResourceUpdate } from '../core/guest-protocol.ts'
import type { MachineContainers } from '../ports/machine/containers.ts'
import type { Freezer } from './freezer.ts'
import type { GuestKeeper } from './guest-keeper.ts'
import { parseProcesses, parseStats, type ProcessRow } from './guest-results.ts'

export class GuestContainers implements MachineContainers {
  readonly #keeper: GuestKeeper
  readonly #freezer: Freezer

  constructor(keeper: GuestKeeper, freezer: Freezer) {
    this.#keeper = keeper
    this.#freezer = freezer
  }

  async pause(container: string): Promise<void> {
    await this.#freezer.pause(container)
  }

  async resume(container: string): Promise<void> {
    await this.#freezer.resume(container)
  }

  async update(container: string, resources: ResourceUpdate): Promise<void> {
    await this.#keeper.request({ op: 'update', container, resources })
  }

  async stats(container: string): Promise<ContainerStats> {
    return parseStats(await this.#keeper.request({ op: 'stats', container }))
  }

  async top(container: string): Promise<readonly ProcessRow[]> {
    return parseProcesses(await this.#keeper.request({ op: 'top', container }))
  }

  async delete(container: string): Promise<void> {
    await this.#keeper.request({ op: 'delete', container })
  }
}
