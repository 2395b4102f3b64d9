import { EngineError } from '../../src/core/error.ts'
import type { Duplex } from '../../src/core/duplex.ts'
import type { ContainerFiles, FileOwner, FileStat } from '../../src/core/guest-archives.ts'
import type {
  ContainerStart,
  ContainerStats,
  DialTarget,
  ExecStart,
  ExitStatus,
  GuestInfo,
  ProcessRef,
  ResourceUpdate,
} from '../../src/core/guest-protocol.ts'
import type { GuestNetwork, NetworkChange, NetworkEndpoint } from '../../src/core/guest-networks.ts'
import type { RuntimeProcess } from '../../src/core/runtime-spec.ts'
import type { RootfsNode } from '../../src/core/layer.ts'
import type {
  FileArchive,
  FileChange,
  FileReadOptions,
  FileWriteOptions,
  Machine,
  MachineProcess,
  MachineState,
  NameResolver,
  OutputChunk,
} from '../../src/ports/machine.ts'
import { ScriptedDisk } from './scripted-disk.ts'
import { ScriptedFiles } from './scripted-files.ts'

/** What a scripted program may do. */
interface ProgramIo {
  readonly process: RuntimeProcess
  readonly args: readonly string[]
  readonly stdin: ReadableStreamDefaultReader<Uint8Array>
  /** Resolved when the reader has room. */
  readonly out: (text: string) => Promise<void>
  readonly err: (text: string) => Promise<void>
  /** The next signal that doesn't kill at once. */
  readonly caught: () => Promise<number>
  /** Aborted when the process has been killed. */
  readonly killed: AbortSignal
  /** Of its container. */
  readonly files: ScriptedFiles
}

export type Program = (io: ProgramIo) => Promise<number | void>

const SIGKILL = 9
const SIGTERM = 15

const forever = (signal: AbortSignal, milliseconds?: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })

const text = new TextDecoder()

/** Programs of every image. `sh` knows `-c 'exit N'` alone. */
const standard: Readonly<Record<string, Program>> = {
  echo: ({ args, out }) => out(`${args.slice(1).join(' ')}\n`).then(() => 0),
  both: async ({ out, err }) => {
    await out('out\n')
    await err('err\n')
  },
  true: () => Promise.resolve(0),
  sh: ({ args }) => Promise.resolve(Number(/exit (\d+)/.exec(args[2] ?? '')?.[1] ?? 0)),
  sleep: ({ args, killed }) => forever(killed, Number(args[1]) * 1000),
  /** Takes every signal but SIGKILL, prints it, and ends at SIGTERM with 7. */
  trap: async ({ out, caught, killed }) => {
    await out('ready\n')
    while (!killed.aborted) {
      const signal = await caught()
      await out(`got ${signal}\n`)
      if (signal === SIGTERM) return 7
    }
    return 0
  },
  cat: async ({ stdin, out }) => {
    for (;;) {
      const { done, value } = await stdin.read()
      if (done) return 0
      await out(text.decode(value))
    }
  },
  /** Writes lines without end. */
  yes: async ({ out, killed }) => {
    for (let line = 0; !killed.aborted; line++) {
      await out(`${line} ${'y'.repeat(1000)}\n`)
      // Others want to run as well.
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
  },
  env: ({ process, out }) => out(`${(process.env ?? []).join('\n')}\n`).then(() => 0),
  id: ({ process, out }) => out(`${JSON.stringify(process.user)}\n`).then(() => 0),
}

class ScriptedProcess implements MachineProcess {
  readonly pid: number
  readonly output: ReadableStream<OutputChunk>
  readonly stdin: WritableStream<Uint8Array>
  readonly exited: Promise<ExitStatus>
  readonly sizes: { readonly cols: number; readonly rows: number }[] = []
  readonly #killed = new AbortController()
  readonly #output = new TransformStream<OutputChunk, OutputChunk>(undefined, {
    highWaterMark: 4,
  })
  readonly #writer = this.#output.writable.getWriter()
  readonly #catches: boolean
  #signals: number[] = []
  #wake: (() => void) | undefined
  #exit: (status: ExitStatus) => void = () => undefined
  ended = false

  constructor(
    pid: number,
    process: RuntimeProcess,
    program: Program,
    catches: boolean,
    files: ScriptedFiles,
  ) {
    this.pid = pid
    this.#catches = catches
    this.output = this.#output.readable
    const input = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 4 })
    this.stdin = input.writable
    this.exited = new Promise((resolve) => {
      this.#exit = resolve
    })
    this.#writer.closed.catch(() => undefined)
    const write = (stream: 'stdout' | 'stderr', text: string): Promise<void> =>
      this.#writer.write({ stream, bytes: new TextEncoder().encode(text) }).catch(() => undefined)
    program({
      process,
      args: process.args,
      stdin: input.readable.getReader(),
      out: (text) => write('stdout', text),
      err: (text) => write(process.terminal ? 'stdout' : 'stderr', text),
      caught: () => this.#caught(),
      killed: this.#killed.signal,
      files,
    }).then(
      (code) => this.end({ kind: 'exited', code: code ?? 0, oomKilled: false }),
      () => this.end({ kind: 'exited', code: 1, oomKilled: false }),
    )
  }

  async #caught(): Promise<number> {
    for (;;) {
      const signal = this.#signals.shift()
      if (signal !== undefined) return signal
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      if (this.#killed.signal.aborted) return SIGKILL
    }
  }

  signal(signal: number): void {
    if (signal === SIGKILL || !this.#catches) {
      this.end({ kind: 'exited', code: 128 + signal, oomKilled: false })
    } else this.#signals.push(signal)
    this.#wake?.()
  }

  end(status: ExitStatus): void {
    if (this.ended) return
    this.ended = true
    this.#killed.abort()
    this.#wake?.()
    this.#exit(status)
    this.#writer.close().catch(() => undefined)
  }
}

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

interface ScriptedContainer {
  readonly start: ContainerStart
  readonly init: ScriptedProcess
  readonly execs: Map<string, ScriptedProcess>
  paused: boolean
}

/** A machine in memory: programs are functions. What it was asked stands in its fields. */
export class ScriptedMachine implements Machine {
  readonly programs: Record<string, Program>
  readonly disk: ScriptedDisk = new ScriptedDisk()
  readonly trees: Map<string, RootfsNode> = new Map()
  readonly containers: Map<string, ScriptedContainer> = new Map()
  readonly deleted: string[] = []
  readonly updates: ResourceUpdate[] = []
  readonly execs: ExecStart[] = []
  /** By bridge. */
  readonly networks: Map<string, GuestNetwork> = new Map()
  /** Connects and disconnects of running containers. */
  readonly changes: (NetworkChange & {
    readonly container: string
    readonly endpoint?: NetworkEndpoint
    readonly link?: string
  })[] = []
  readonly dialled: DialTarget[] = []
  names: NameResolver | undefined
  readonly connections: Machine['connections'] = new ReadableStream()
  readonly #files = new Map<string, ScriptedFiles>()
  readonly #listeners = new Set<(state: MachineState) => void>()
  #pid = 100

  constructor(programs: Readonly<Record<string, Program>> = {}) {
    this.programs = { ...standard, ...programs }
  }

  info(): Promise<GuestInfo> {
    return Promise.resolve({
      version: 1,
      build: '0000000000000000',
      kernel: '6.12.0-scripted',
      memoryBytes: 256 << 20,
      cpus: 1,
      features: [],
    })
  }

  addTree(id: string, root: RootfsNode): void {
    this.trees.set(id, root)
  }

  removeTree(id: string): void {
    this.trees.delete(id)
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
    await Promise.resolve()
    const known = this.containers.get(start.container)
    if (known && !known.init.ended) throw new EngineError('conflict', 'container exists')
    for (const { bridge } of start.network?.endpoints ?? []) {
      if (!this.networks.has(bridge)) throw new EngineError('internal', `no bridge ${bridge}`)
    }
    if (!this.trees.has(start.rootfs.tree)) throw new EngineError('internal', 'no such tree')
    const files = this.#filesOf({ container: start.container, tree: start.rootfs.tree })
    const init = this.#spawn(start.spec.process, files)
    const container = { start, init, execs: new Map<string, ScriptedProcess>(), paused: false }
    this.containers.set(start.container, container)
    const killExecs = async (): Promise<void> => {
      await init.exited
      for (const exec of container.execs.values()) exec.signal(SIGKILL)
    }
    void killExecs()
    return init
  }

  async exec(start: ExecStart): Promise<MachineProcess> {
    const container = this.#running(start.container)
    this.execs.push(start)
    await Promise.resolve()
    const files = this.#filesOf({
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

  #running(id: string): ScriptedContainer {
    const container = this.containers.get(id)
    if (!container) throw new EngineError('not-found', 'no such container')
    if (container.init.ended) throw new EngineError('conflict', 'container is not running')
    return container
  }

  process(ref: ProcessRef): ScriptedProcess {
    if ('host' in ref) throw new EngineError('not-found', 'no such process')
    const container = this.#running(ref.container)
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

  async pause(id: string): Promise<void> {
    this.#running(id).paused = true
  }

  async resume(id: string): Promise<void> {
    this.#running(id).paused = false
  }

  async update(id: string, resources: ResourceUpdate): Promise<void> {
    this.#running(id)
    this.updates.push(resources)
  }

  async stats(id: string): Promise<ContainerStats> {
    this.#running(id)
    return {
      memory: { current: 1 << 20, peak: 2 << 20, max: null, stat: { anon: 4096 }, events: {} },
      cpu: { usage_usec: 1000, user_usec: 600, system_usec: 400 },
      systemCpuUsec: 1_000_000,
      pids: { current: 1, max: null },
      io: { readBytes: 0, writeBytes: 0 },
      networks: Object.fromEntries(
        (this.containers.get(id)?.start.network?.endpoints ?? []).map((endpoint) => [
          endpoint.interface,
          scriptedLink,
        ]),
      ),
    }
  }

  async top(id: string): Promise<readonly { pid: number; command: string; user: string }[]> {
    const { init, start } = this.#running(id)
    return [{ pid: init.pid, user: 'root', command: start.spec.process.args.join(' ') }]
  }

  async delete(id: string): Promise<void> {
    const container = this.containers.get(id)
    if (container && !container.init.ended) throw new EngineError('conflict', 'it runs')
    this.containers.delete(id)
    this.#files.delete(id)
    this.deleted.push(id)
  }

  #filesOf(owner: FileOwner): ScriptedFiles {
    if ('host' in owner) throw new EngineError('not-implemented', 'no host root')
    const known = this.#files.get(owner.container)
    if (known) return known
    const tree = this.trees.get(owner.tree)
    if (!tree) throw new EngineError('internal', 'no such tree')
    const files = new ScriptedFiles(tree)
    this.#files.set(owner.container, files)
    return files
  }

  async readChanges(files: ContainerFiles): Promise<ReadableStream<Uint8Array>> {
    return this.#filesOf(files).layer()
  }

  async listChanges(files: ContainerFiles): Promise<readonly FileChange[]> {
    return this.#filesOf(files).changes()
  }

  async readFiles(
    owner: FileOwner,
    path: string,
    {
      name = path.split('/').findLast((part) => part !== '' && part !== '.') ?? '/',
    }: FileReadOptions = {},
  ): Promise<FileArchive> {
    const files = this.#filesOf(owner)
    return { stat: files.stat(path), tar: files.tar(path, name) }
  }

  async statFile(owner: FileOwner, path: string): Promise<FileStat> {
    return this.#filesOf(owner).stat(path)
  }

  async writeFiles(
    owner: FileOwner,
    path: string,
    tar: ReadableStream<Uint8Array>,
    options: FileWriteOptions = {},
  ): Promise<void> {
    await this.#filesOf(owner).extract(path, tar, options)
  }

  async createNetwork(network: GuestNetwork): Promise<void> {
    this.networks.set(network.bridge, network)
  }

  async removeNetwork(bridge: string): Promise<void> {
    this.networks.delete(bridge)
  }

  async connectNetwork(
    id: string,
    endpoint: NetworkEndpoint,
    change: NetworkChange,
  ): Promise<void> {
    this.#running(id)
    if (!this.networks.has(endpoint.bridge)) throw new EngineError('internal', 'no such bridge')
    this.changes.push({ container: id, endpoint, ...change })
  }

  async disconnectNetwork(id: string, link: string, change: NetworkChange): Promise<void> {
    this.#running(id)
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

  ping(): Promise<number> {
    return Promise.resolve(0)
  }

  kernelLog(): Promise<string> {
    return Promise.resolve('')
  }

  onState(listener: (state: MachineState) => void, signal?: AbortSignal): void {
    this.#listeners.add(listener)
    signal?.addEventListener('abort', () => this.#listeners.delete(listener))
  }

  /** The guest dies with all in it. */
  lose(reason: string): void {
    for (const { init, execs } of this.containers.values()) {
      for (const process of [init, ...execs.values()]) process.end({ kind: 'lost', reason })
    }
    this.containers.clear()
    this.networks.clear()
    for (const listener of this.#listeners) listener({ state: 'lost', reason })
  }

  /** The kernel kills a container for its memory. */
  outOfMemory(id: string): void {
    this.#running(id).init.end({ kind: 'exited', code: 137, oomKilled: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.lose('disposed')
    return Promise.resolve()
  }
}
