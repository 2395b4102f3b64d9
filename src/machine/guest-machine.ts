import { EngineError } from '../core/error.ts'
import type { GuestInfo, OpenFrame } from '../core/guest-protocol.ts'
import type { Machine } from '../ports/machine.ts'
import type { MachineContainers } from '../ports/machine/containers.ts'
import type { MachineDisk } from '../ports/machine/disk.ts'
import type { MachineFiles } from '../ports/machine/files.ts'
import type { MachineGuest } from '../ports/machine/guest.ts'
import type { MachineNetworks } from '../ports/machine/networks.ts'
import type { MachinePlaces } from '../ports/machine/places.ts'
import type { MachineProcesses } from '../ports/machine/processes.ts'
import type { MachineTrees } from '../ports/machine/trees.ts'
import { Freezer } from './freezer.ts'
import type { FrameStream } from './frame-stream.ts'
import { GuestConnections } from './guest-connections.ts'
import { GuestContainers } from './guest-containers.ts'
import { GuestDisk } from './guest-disk.ts'
import { GuestFiles } from './guest-files.ts'
import { GuestKeeper, type GuestMachineOptions } from './guest-keeper.ts'
import { GuestNetworks } from './guest-networks.ts'
import { guestPlaces } from './guest-places.ts'
import { GuestProcesses } from './guest-processes.ts'
import { parseText } from './guest-results.ts'

/** The machine in v86. It starts when it is made; a lost guest is replaced by a new one from the same source. */
export class GuestMachine implements Machine {
  readonly guest: MachineGuest
  readonly trees: MachineTrees
  readonly processes: MachineProcesses
  readonly containers: MachineContainers
  readonly files: MachineFiles
  readonly networks: MachineNetworks
  readonly places: MachinePlaces = guestPlaces
  readonly disk?: MachineDisk
  readonly #options: GuestMachineOptions
  readonly #keeper: GuestKeeper
  readonly #freezer: Freezer
  readonly #connections: GuestConnections

  constructor(options: GuestMachineOptions) {
    this.#options = options
    const log = options.log ?? (() => undefined)
    this.#connections = new GuestConnections((open) => this.openStream(open), log)
    const keeper = new GuestKeeper(options, (event) => {
      if (event.event !== 'connection') return
      keeper.noteWork()
      this.#connections.announce(event)
    })
    this.#keeper = keeper
    this.#freezer = new Freezer({
      pause: async (container) => void (await keeper.request({ op: 'pause', container })),
      resume: async (container) => void (await keeper.request({ op: 'resume', container })),
      onError: (error) => log(`machine: freeze: ${String(error)}`),
    })
    this.guest = {
      connections: this.#connections.accepted,
      info: () => this.#info(),
      ping: (signal) => this.#ping(signal),
      kernelLog: async () => parseText(await keeper.request({ op: 'kernel-log' })),
      onState: (listener, signal) => keeper.onState(listener, signal),
    }
    this.trees = {
      add: (id, root) => {
        if (!/^[0-9a-f]{32,64}$/.test(id)) {
          throw new EngineError('invalid-parameter', `invalid tree id: ${id}`)
        }
        keeper.addTree(id, root)
      },
      remove: (id) => keeper.removeTree(id),
    }
    this.processes = new GuestProcesses(keeper, this.#freezer)
    this.containers = new GuestContainers(keeper, this.#freezer)
    this.files = new GuestFiles(keeper)
    this.networks = new GuestNetworks(keeper, log)
    if (options.disk) this.disk = new GuestDisk((call, signal) => keeper.request(call, signal))
  }

  async #info(): Promise<GuestInfo> {
    return (await this.#keeper.ready()).control.info
  }

  async #ping(signal?: AbortSignal): Promise<number> {
    const guest = await this.#keeper.ready(signal)
    const start = this.#options.clock.monotonic()
    await guest.control.ping(signal)
    return this.#options.clock.monotonic() - start
  }

  /** Guest instructions executed so far, modulo 2^32: for measurements. */
  get instructions(): number {
    return this.#keeper.running?.instructions ?? 0
  }

  /** What the serial console said last; there also while guestd is not. */
  get serialLog(): string {
    return this.#keeper.running?.serialText ?? ''
  }

  /** A stream of its own to guestd, its first frame sent: `echo`, `source` and `sink` measure the transport. */
  async openStream(open: OpenFrame, signal?: AbortSignal): Promise<FrameStream> {
    return (await this.#keeper.ready(signal)).openStream(open, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]()
    this.#connections[Symbol.dispose]()
  }

  /**
   * Stop every container where it is, and refuse to start others, until called without a reason. The host root goes on.
   * @param reason a sentence without its full stop
   */
  freeze(reason: string | undefined): Promise<void> {
    this.#freezer.set(reason)
    return this.#freezer.settled
  }

  /** Why the disk does not take what is written now, and the guest waits. */
  get diskTrouble(): string | undefined {
    return this.#keeper.diskTrouble
  }
}
