import type { MachineContainers } from './machine/containers.ts'
import type { MachineDisk } from './machine/disk.ts'
import type { MachineFiles } from './machine/files.ts'
import type { MachineGuest } from './machine/guest.ts'
import type { MachineNetworks } from './machine/networks.ts'
import type { MachinePlaces } from './machine/places.ts'
import type { MachineProcesses } from './machine/processes.ts'
import type { MachineTrees } from './machine/trees.ts'

/**
 * What the engine needs of Linux, by resource. v86 is one implementation, a scripted one serves fast tests.
 * Every method throws EngineError, `unavailable` while no guest runs; an aborted signal cancels the operation in the guest.
 */
export interface Machine extends AsyncDisposable {
  readonly guest: MachineGuest
  readonly trees: MachineTrees
  readonly processes: MachineProcesses
  readonly containers: MachineContainers
  readonly files: MachineFiles
  readonly networks: MachineNetworks
  readonly places: MachinePlaces
  /** Absent without a disk: writable layers are gone with the guest then. */
  readonly disk?: MachineDisk
}
