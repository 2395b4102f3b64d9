import { EngineError } from '../../src/core/error.ts'
import type { FileOwner } from '../../src/core/guest-archives.ts'
import type {
  ContainerStart,
  ContainerStats,
  ResourceUpdate,
} from '../../src/core/guest-protocol.ts'
import type { MachineContainers } from '../../src/ports/machine/containers.ts'
import type { ScriptedDisk } from './scripted-disk.ts'
import { ScriptedFiles } from './scripted-files.ts'
import type { ScriptedProcess } from './scripted-process.ts'
import type { ScriptedTrees } from './scripted-trees.ts'

const scriptedLink = {
  rxBytes: 100,
  rxPackets: 2,
  rxErrors: 0,
  rxDropped: 0,
  txBytes: 50,
  txPackets: 1,
  txErrors: 0,
  txDropped: 0,
}

export interface ScriptedContainer {
  readonly start: ContainerStart
  readonly init: ScriptedProcess
  readonly execs: Map<string, ScriptedProcess>
  paused: boolean
}

export class ScriptedContainers implements MachineContainers {
  readonly known: Map<string, ScriptedContainer> = new Map()
  readonly deleted: string[] = []
  readonly updates: ResourceUpdate[] = []
  readonly #trees: ScriptedTrees
  readonly #disk: ScriptedDisk
  readonly #files = new Map<string, ScriptedFiles>()

  constructor(trees: ScriptedTrees, disk: ScriptedDisk) {
    this.#trees = trees
    this.#disk = disk
  }

  running(id: string): ScriptedContainer {
    const container = this.known.get(id)
    if (!container) throw new EngineError('not-found', 'no such container')
    if (container.init.ended) throw new EngineError('conflict', 'container is not running')
    return container
  }

  async pause(id: string): Promise<void> {
    this.running(id).paused = true
  }

  async resume(id: string): Promise<void> {
    this.running(id).paused = false
  }

  async update(id: string, resources: ResourceUpdate): Promise<void> {
    this.running(id)
    this.updates.push(resources)
  }

  async stats(id: string): Promise<ContainerStats> {
    this.running(id)
    return {
      memory: { current: 1 << 20, peak: 2 << 20, max: null, stat: { anon: 4096 }, events: {} },
      cpu: { usage_usec: 1000, user_usec: 600, system_usec: 400 },
      systemCpuUsec: 1_000_000,
      pids: { current: 1, max: null },
      io: { readBytes: 0, writeBytes: 0 },
      networks: Object.fromEntries(
        (this.known.get(id)?.start.network?.endpoints ?? []).map((endpoint) => [
          endpoint.interface,
          scriptedLink,
        ]),
      ),
    }
  }

  async top(id: string): Promise<readonly { pid: number; command: string; user: string }[]> {
    const { init, start } = this.running(id)
    return [{ pid: init.pid, user: 'root', command: start.spec.process.args.join(' ') }]
  }

  async delete(id: string): Promise<void> {
    const container = this.known.get(id)
    if (container && !container.init.ended) throw new EngineError('conflict', 'it runs')
    await this.#disk.removeUpper(id)
    this.known.delete(id)
    this.#files.delete(id)
    this.deleted.push(id)
  }

  filesOf(owner: FileOwner): ScriptedFiles {
    if ('host' in owner) throw new EngineError('not-implemented', 'no host root')
    const known = this.#files.get(owner.container)
    if (known) return known
    const tree = this.#trees.known.get(owner.tree)
    if (!tree) throw new EngineError('internal', 'no such tree')
    const files = new ScriptedFiles(tree)
    this.#files.set(owner.container, files)
    return files
  }
}
