import { EngineError } from '../../src/core/error.ts'
import type { ContainerStart, ExecStart, ProcessRef } from '../../src/core/guest-protocol.ts'
import type { RuntimeProcess } from '../../src/core/runtime-spec.ts'
import type { MachineProcess, MachineProcesses } from '../../src/ports/machine/processes.ts'
import type { ScriptedContainers } from './scripted-containers.ts'
import type { ScriptedDisk } from './scripted-disk.ts'
import type { ScriptedFiles } from './scripted-files.ts'
import type { ScriptedNetworks } from './scripted-networks.ts'
import { ScriptedProcess, SIGKILL, standardPrograms, type Program } from './scripted-process.ts'
import type { ScriptedTrees } from './scripted-trees.ts'

interface Parts {
  readonly trees: ScriptedTrees
  readonly containers: ScriptedContainers
  readonly networks: ScriptedNetworks
  readonly disk: ScriptedDisk
}

export class ScriptedProcesses implements MachineProcesses {
  readonly programs: Record<string, Program>
  readonly execs: ExecStart[] = []
  readonly #trees: ScriptedTrees
  readonly #containers: ScriptedContainers
  readonly #networks: ScriptedNetworks
  readonly #disk: ScriptedDisk
  #pid = 100

  constructor(programs: Readonly<Record<string, Program>>, parts: Parts) {
    this.programs = { ...standardPrograms, ...programs }
    this.#trees = parts.trees
    this.#containers = parts.containers
    this.#networks = parts.networks
    this.#disk = parts.disk
  }

  #spawn(process: RuntimeProcess, files: ScriptedFiles): ScriptedProcess {
    const name = process.args[0] === '/sbin/docker-init' ? process.args[2] : process.args[0]
    const program = this.programs[name ?? '']
    if (!program) {
      throw new EngineError(
        'invalid-parameter',
        name?.startsWith('/')
          ? `exec: "${name}": permission denied`
          : `exec: "${name}": executable file not found in $PATH`,
        { cause: { code: name?.startsWith('/') ? 'not-executable' : 'not-found' } },
      )
    }
    return new ScriptedProcess(++this.#pid, process, program, name === 'trap', files)
  }

  async run(start: ContainerStart, signal?: AbortSignal): Promise<MachineProcess> {
    signal?.throwIfAborted()
    if (start.rootfs.upper === 'disk') await this.#disk.makeUpper(start.container)
    const known = this.#containers.known.get(start.container)
    if (known && !known.init.ended) throw new EngineError('conflict', 'container exists')
    for (const { bridge } of start.network?.endpoints ?? []) {
      if (!this.#networks.bridges.has(bridge))
        throw new EngineError('internal', `no bridge ${bridge}`)
    }
    if (!this.#trees.known.has(start.rootfs.tree)) throw new EngineError('internal', 'no such tree')
    const files = this.#containers.filesOf({ container: start.container, tree: start.rootfs.tree })
    const init = this.#spawn(start.spec.process, files)
    const container = { start, init, execs: new Map<string, ScriptedProcess>(), paused: false }
    this.#containers.known.set(start.container, container)
    const killExecs = async (): Promise<void> => {
      await init.exited
      for (const exec of container.execs.values()) exec.signal(SIGKILL)
    }
    void killExecs()
    return init
  }

  async exec(start: ExecStart): Promise<MachineProcess> {
    const container = this.#containers.running(start.container)
    this.execs.push(start)
    await Promise.resolve()
    const files = this.#containers.filesOf({
      container: start.container,
      tree: container.start.rootfs.tree,
    })
    const process = this.#spawn(start.process, files)
    container.execs.set(start.exec, process)
    return process
  }

  runOnHost(): Promise<MachineProcess> {
    return Promise.reject(new EngineError('not-implemented', 'no host root'))
  }

  process(ref: ProcessRef): ScriptedProcess {
    if ('host' in ref) throw new EngineError('not-found', 'no such process')
    const container = this.#containers.running(ref.container)
    const process = ref.exec === undefined ? container.init : container.execs.get(ref.exec)
    if (!process) throw new EngineError('not-found', 'no such process')
    return process
  }

  async signal(ref: ProcessRef, signal: number): Promise<void> {
    this.process(ref).signal(signal)
  }

  async resize(
    ref: ProcessRef,
    size: { readonly cols: number; readonly rows: number },
  ): Promise<void> {
    this.process(ref).sizes.push(size)
  }
}
