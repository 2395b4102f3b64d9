import type { GuestInfo } from '../../src/core/guest-protocol.ts'
import type { Machine } from '../../src/ports/machine.ts'
import { guestPlaces } from '../../src/machine/guest-places.ts'
import type { MachinePlaces } from '../../src/ports/machine/places.ts'
import type { MachineGuest, MachineState } from '../../src/ports/machine/guest.ts'
import { ScriptedContainers } from './scripted-containers.ts'
import { ScriptedDisk } from './scripted-disk.ts'
import { ScriptedFileAccess } from './scripted-file-access.ts'
import { ScriptedNetworks } from './scripted-networks.ts'
import type { Program } from './scripted-process.ts'
import { ScriptedProcesses } from './scripted-processes.ts'
import { ScriptedTrees } from './scripted-trees.ts'

const info: GuestInfo = {
  version: 1,
  build: '0000000000000000',
  kernel: '6.12.0-scripted',
  memoryBytes: 256 << 20,
  cpus: 1,
  features: [],
}

/** A machine in memory: programs are functions. What it was asked stands in its fields. */
export class ScriptedMachine implements Machine {
  readonly trees: ScriptedTrees = new ScriptedTrees()
  readonly containers: ScriptedContainers
  readonly networks: ScriptedNetworks
  readonly processes: ScriptedProcesses
  readonly files: ScriptedFileAccess
  readonly disk: ScriptedDisk
  readonly places: MachinePlaces = guestPlaces
  readonly guest: MachineGuest = {
    info: () => Promise.resolve(info),
    ping: () => Promise.resolve(0),
    kernelLog: () => Promise.resolve(''),
    connections: new ReadableStream(),
    onState: (listener, signal) => {
      this.#listeners.add(listener)
      signal?.addEventListener('abort', () => this.#listeners.delete(listener))
    },
  }
  readonly #listeners = new Set<(state: MachineState) => void>()

  constructor(
    programs: Readonly<Record<string, Program>> = {},
    disk: ScriptedDisk = new ScriptedDisk(),
  ) {
    this.disk = disk
    this.containers = new ScriptedContainers(this.trees, disk)
    this.networks = new ScriptedNetworks(this.containers)
    this.processes = new ScriptedProcesses(programs, this)
    this.files = new ScriptedFileAccess(this.containers)
  }

  /** The guest dies with all in it. */
  lose(reason: string): void {
    for (const { init, execs } of this.containers.known.values()) {
      for (const process of [init, ...execs.values()]) process.end({ kind: 'lost', reason })
    }
    this.containers.known.clear()
    this.networks.bridges.clear()
    for (const listener of this.#listeners) listener({ state: 'lost', reason })
  }

  /** The kernel kills a container for its memory. */
  outOfMemory(id: string): void {
    this.containers.running(id).init.end({ kind: 'exited', code: 137, oomKilled: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.lose('disposed')
    return Promise.resolve()
  }
}
