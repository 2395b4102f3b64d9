import { EngineError } from '../core/error.ts'
import type { Duplex } from '../core/duplex.ts'
import type {
  ContainerFiles,
  ContainerStart,
  ContainerStats,
  ExecStart,
  FileOwner,
  FileStat,
  GuestEvent,
  GuestInfo,
  HostProcessStart,
  OpenFrame,
  ProcessRef,
  ResourceUpdate,
} from '../core/guest-protocol.ts'
import type { RootfsNode } from '../core/layer.ts'
import type { Clock } from '../ports/clock.ts'
import type {
  FileArchive,
  FileChange,
  FileReadOptions,
  FileWriteOptions,
  GuestConnection,
  LayerOptions,
  Machine,
  MachineState,
} from '../ports/machine.ts'
import {
  archiveName,
  mountPoints,
  parseChanges,
  parseStat,
  readArchive,
  writeArchive,
  type OpenStream,
} from './archives.ts'
import type { GuestCall } from './control-channel.ts'
import { framedDuplex } from './framed-duplex.ts'
import type { FrameStream } from './frame-stream.ts'
import { Guest, type GuestSource } from './guest.ts'
import { parseProcesses, parseStats, parseText, type ProcessRow } from './guest-results.ts'
import { identityOf } from './identity.ts'
import { NinepServer } from './ninep/server.ts'
import type { GuestProcess } from './process.ts'
import { rehearse, REHEARSAL_TREE } from './rehearsal.ts'

export interface GuestMachineOptions {
  readonly wasm: WebAssembly.Module
  readonly source: GuestSource
  readonly clock: Clock
  /** Names the machine: its socket id and machine id derive from it. */
  readonly engineId: string
  readonly hostname: string
  /** The tree of the guest's own root; a promise resolves when it has been added. */
  readonly hostRoot?: { readonly tree: string } | Promise<{ readonly tree: string }>
  /** Lines of the serial console and of the machine's own troubles. */
  readonly log?: (line: string) => void
  /** Bytes; default 256 MiB. A snapshot has its own. */
  readonly memoryBytes?: number
  /** Warm the path of a container's start up while nothing else happens; default true. */
  readonly rehearse?: boolean
}

/** Boots in a row that may fail before the machine stays down. */
const ATTEMPTS = 3
/** Milliseconds a guest must have lived for its loss not to count as a failed boot. */
const STABLE = 10_000

/** The machine in v86. It starts when it is made; a lost guest is replaced by a new one from the same source. */
export class GuestMachine implements Machine {
  readonly connections: ReadableStream<GuestConnection>
  readonly #options: GuestMachineOptions
  readonly #trees = new Map<string, RootfsNode>()
  readonly #listeners = new Set<(state: MachineState) => void>()
  readonly #stop = new AbortController()
  #server: NinepServer | undefined
  /** The guest that is up or coming; rejected when none will come. */
  #guest: Promise<Guest>
  #running: Guest | undefined
  #hostRoot: Promise<void> | undefined
  #lastWork: number | undefined
  #connectionsController: ReadableStreamDefaultController<GuestConnection> | undefined

  constructor(options: GuestMachineOptions) {
    this.#options = options
    this.connections = new ReadableStream({
      start: (controller) => {
        this.#connectionsController = controller
      },
      cancel: () => {
        this.#connectionsController = undefined
      },
    })
    this.#guest = this.#boot(1)
    this.#guest.catch(() => undefined)
  }

  async info(): Promise<GuestInfo> {
    return (await this.#ready()).control.info
  }

  addTree(id: string, root: RootfsNode): void {
    if (!/^[0-9a-f]{32,64}$/.test(id)) {
      throw new EngineError('invalid-parameter', `invalid tree id: ${id}`)
    }
    this.#trees.set(id, root)
    this.#server?.addTree(id, root)
  }

  removeTree(id: string): void {
    this.#trees.delete(id)
    this.#server?.removeTree(id)
  }

  async run(start: ContainerStart, signal?: AbortSignal): Promise<GuestProcess> {
    return this.#start(
      { channel: 'process', op: 'run', ...start },
      { container: start.container },
      signal,
    )
  }

  async exec(start: ExecStart, signal?: AbortSignal): Promise<GuestProcess> {
    return this.#start(
      { channel: 'process', op: 'exec', ...start },
      { container: start.container, exec: start.exec },
      signal,
    )
  }

  async runOnHost(start: HostProcessStart, signal?: AbortSignal): Promise<GuestProcess> {
    await this.#mountHostRoot(await this.#ready(signal))
    return this.#start(
      { channel: 'process', op: 'run-host', ...start },
      { host: start.host },
      signal,
    )
  }

  async signal(process: ProcessRef, signal: number): Promise<void> {
    await this.#request({ op: 'signal', process, signal })
  }

  async resize(
    process: ProcessRef,
    size: { readonly cols: number; readonly rows: number },
  ): Promise<void> {
    await this.#request({ op: 'resize', process, cols: size.cols, rows: size.rows })
  }

  async pause(container: string): Promise<void> {
    await this.#request({ op: 'pause', container })
  }

  async resume(container: string): Promise<void> {
    await this.#request({ op: 'resume', container })
  }

  async update(container: string, resources: ResourceUpdate): Promise<void> {
    await this.#request({ op: 'update', container, resources })
  }

  async stats(container: string): Promise<ContainerStats> {
    return parseStats(await this.#request({ op: 'stats', container }))
  }

  async top(container: string): Promise<readonly ProcessRow[]> {
    return parseProcesses(await this.#request({ op: 'top', container }))
  }

  async delete(container: string): Promise<void> {
    await this.#request({ op: 'delete', container })
  }

  async readChanges(
    files: ContainerFiles,
    { ignore = mountPoints, signal }: LayerOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const frame = { channel: 'archive', op: 'layer', files, ignore } as const
    return (await readArchive(this.#openFiles, frame, signal)).bytes
  }

  async listChanges(
    files: ContainerFiles,
    { ignore = mountPoints, signal }: LayerOptions = {},
  ): Promise<readonly FileChange[]> {
    const frame = { channel: 'archive', op: 'changes', files, ignore } as const
    return parseChanges((await readArchive(this.#openFiles, frame, signal)).bytes)
  }

  async readFiles(
    files: FileOwner,
    path: string,
    { name = archiveName(path), signal }: FileReadOptions = {},
  ): Promise<FileArchive> {
    const frame = { channel: 'archive', op: 'files', files, path, name } as const
    const { started, bytes } = await readArchive(this.#openFiles, frame, signal)
    return { stat: parseStat(started), tar: bytes }
  }

  async statFile(files: FileOwner, path: string, signal?: AbortSignal): Promise<FileStat> {
    const frame = { channel: 'archive', op: 'stat', files, path } as const
    const { started, bytes } = await readArchive(this.#openFiles, frame, signal)
    await bytes.cancel()
    return parseStat(started)
  }

  async writeFiles(
    files: FileOwner,
    path: string,
    tar: ReadableStream<Uint8Array>,
    { signal, ...options }: FileWriteOptions = {},
  ): Promise<void> {
    await writeArchive(this.#openFiles, { files, path, ...options }, tar, signal)
  }

  async ping(signal?: AbortSignal): Promise<number> {
    const guest = await this.#ready(signal)
    const start = this.#options.clock.monotonic()
    await guest.control.ping(signal)
    return this.#options.clock.monotonic() - start
  }

  async kernelLog(): Promise<string> {
    return parseText(await this.#request({ op: 'kernel-log' }))
  }

  /** What the serial console said last; there also while guestd is not. */
  get serialLog(): string {
    return this.#running?.serialText ?? ''
  }

  /** A stream of its own to guestd, its first frame sent: `echo`, `source` and `sink` measure the transport. */
  async openStream(open: OpenFrame, signal?: AbortSignal): Promise<FrameStream> {
    return (await this.#ready(signal)).openStream(open, signal)
  }

  onState(listener: (state: MachineState) => void, signal?: AbortSignal): void {
    if (signal?.aborted) return
    this.#listeners.add(listener)
    signal?.addEventListener('abort', () => this.#listeners.delete(listener), { once: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(new EngineError('unavailable', 'The machine was stopped'))
    this.#running?.[Symbol.dispose]()
    this.#running = undefined
    // A boot under way ends by the signal.
    await this.#guest.then(
      (guest) => guest[Symbol.dispose](),
      () => undefined,
    )
    this.#connectionsController?.close()
    this.#listeners.clear()
  }

  /** A stream about files; the host root must be there for its own. */
  readonly #openFiles: OpenStream = async (open, signal) => {
    const guest = await this.#ready(signal)
    if ('files' in open && 'host' in open.files) await this.#mountHostRoot(guest)
    return guest.openStream(open, signal)
  }

  async #start(
    open: OpenFrame & { readonly channel: 'process' },
    process: ProcessRef,
    signal: AbortSignal | undefined,
  ): Promise<GuestProcess> {
    const guest = await this.#ready(signal)
    this.#lastWork = this.#options.clock.monotonic()
    try {
      return await guest.startProcess(open, process, signal)
    } finally {
      this.#lastWork = this.#options.clock.monotonic()
    }
  }

  async #request(call: GuestCall, signal?: AbortSignal): Promise<unknown> {
    return (await this.#ready(signal)).request(call, signal)
  }

  /** The guest, waited for while it comes up. */
  async #ready(signal?: AbortSignal): Promise<Guest> {
    signal?.throwIfAborted()
    this.#stop.signal.throwIfAborted()
    if (!signal) return this.#guest
    let abort: () => void = () => undefined
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
    })
    return Promise.race([this.#guest, aborted]).finally(() =>
      signal.removeEventListener('abort', abort),
    )
  }

  async #boot(attempt: number): Promise<Guest> {
    const { clock, hostname, engineId, hostRoot } = this.#options
    const signal = this.#stop.signal
    this.#tell({ state: 'starting' })
    try {
      const identity = await identityOf(engineId)
      const server = new NinepServer((error) => this.#log(`9p: ${String(error)}`))
      for (const [id, root] of this.#trees) server.addTree(id, root)
      server.addTree(REHEARSAL_TREE.id, REHEARSAL_TREE.root)
      this.#server = server
      this.#hostRoot = undefined
      const guest: Guest = await Guest.start(
        {
          ...this.#options,
          cid: identity.cid,
          trees: server,
          log: (line) => this.#log(line),
          onEvent: (event) => this.#onEvent(event),
        },
        signal,
      )
      try {
        await guest.configure({ hostname, machineId: identity.machineId }, signal)
        signal.throwIfAborted()
      } catch (error) {
        guest[Symbol.dispose]()
        throw error
      }
      this.#running = guest
      void guest.lost.then((reason) => this.#onLost(guest, reason, clock.monotonic(), attempt))
      this.#tell({ state: 'running' })
      if (hostRoot) {
        // In the background: the first shell waits for it, containers don't.
        this.#mountHostRoot(guest).catch((error: unknown) =>
          this.#log(`host root: ${String(error)}`),
        )
      }
      if (this.#options.rehearse !== false) void this.#rehearse(guest)
      return guest
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const reason = error instanceof Error ? error.message : String(error)
      this.#log(`machine: ${reason}`)
      this.#tell({ state: 'lost', reason })
      if (attempt < ATTEMPTS) return this.#boot(attempt + 1)
      throw error instanceof EngineError
        ? error
        : new EngineError('unavailable', reason, { cause: error })
    }
  }

  #onLost(guest: Guest, reason: string, startedAt: number, attempt: number): void {
    if (this.#running !== guest || this.#stop.signal.aborted) return
    this.#running = undefined
    this.#log(`machine: lost: ${reason}`)
    guest.end(`The machine was lost: ${reason}`)
    this.#tell({ state: 'lost', reason })
    const stable = this.#options.clock.monotonic() - startedAt > STABLE
    this.#guest =
      stable || attempt < ATTEMPTS
        ? this.#boot(stable ? 1 : attempt + 1)
        : Promise.reject(new EngineError('unavailable', `The machine was lost: ${reason}`))
    this.#guest.catch(() => undefined)
  }

  async #rehearse(guest: Guest): Promise<void> {
    this.#lastWork = undefined
    const lastWork = () => this.#lastWork
    try {
      await rehearse(
        {
          perform: async (start, signal) => {
            const open = { channel: 'process', op: 'run', ...start } as const
            const { container } = start
            const process = await guest.startProcess(open, { container }, signal)
            await process.output.cancel()
            await process.exited
            await guest.request({ op: 'delete', container })
          },
          get idleTime() {
            return guest.idleTime
          },
          get lastWork() {
            return lastWork()
          },
        },
        this.#options.clock,
        guest.stopped,
      )
    } catch (error) {
      if (!guest.stopped.aborted) this.#log(`machine: rehearsal: ${String(error)}`)
    }
  }

  async #mountHostRoot(guest: Guest): Promise<void> {
    const tree = (await this.#options.hostRoot)?.tree
    if (tree === undefined || !this.#trees.has(tree)) {
      throw new EngineError('unavailable', 'The machine has no host root yet')
    }
    this.#hostRoot ??= guest.request({ op: 'mount-host-root', tree }).then(
      () => undefined,
      (error: unknown) => {
        this.#hostRoot = undefined
        throw error
      },
    )
    await this.#hostRoot
  }

  #onEvent(event: GuestEvent): void {
    if (event.event !== 'connection') return
    this.#accept(event.connection, event.service).catch((error: unknown) =>
      this.#log(`machine: a connection to ${event.service} was lost: ${String(error)}`),
    )
  }

  async #accept(connection: number, service: GuestConnection['service']): Promise<void> {
    const frames = await this.openStream({ channel: 'accept', connection })
    const stream: Duplex = framedDuplex(frames)
    this.#connectionsController?.enqueue({ service, stream })
  }

  #tell(state: MachineState): void {
    for (const listener of this.#listeners) listener(state)
  }

  #log(line: string): void {
    this.#options.log?.(line)
  }
}
