import { EngineError } from '../core/error.ts'
import type { Duplex } from '../core/duplex.ts'
import { mountPoints } from '../core/default-mounts.ts'
import type { ContainerFiles, FileOwner, FileStat } from '../core/guest-archives.ts'
import type {
  ContainerStart,
  ContainerStats,
  DialTarget,
  ExecStart,
  GuestEvent,
  GuestInfo,
  HostProcessStart,
  OpenFrame,
  ProcessRef,
  ResourceUpdate,
} from '../core/guest-protocol.ts'
import type { GuestNetwork, NetworkChange, NetworkEndpoint } from '../core/guest-networks.ts'
import type { RootfsNode } from '../core/layer.ts'
import type { Egress } from '../ports/egress.ts'
import type {
  FileArchive,
  FileChange,
  FileReadOptions,
  FileWriteOptions,
  GuestConnection,
  LayerOptions,
  Machine,
  MachineDisk,
  MachineState,
  NameResolver,
} from '../ports/machine.ts'
import {
  archiveName,
  parseChanges,
  parseStat,
  readArchive,
  writeArchive,
  type OpenStream,
} from './archives.ts'
import type { GuestCall } from './control-channel.ts'
import { framedDuplex } from './framed-duplex.ts'
import { Freezer } from './freezer.ts'
import type { FrameStream } from './frame-stream.ts'
import { GuestKeeper, type GuestMachineOptions } from './guest-keeper.ts'
import { parseProcesses, parseStats, parseText, type ProcessRow } from './guest-results.ts'
import { GuestDisk } from './guest-disk.ts'
import { carryEgress } from './egress.ts'
import { answerNames, dial } from './networks.ts'
import type { GuestProcess } from './process.ts'

/** Connections that may wait for their reader. */
const CONNECTIONS_MAX = 256

/** The machine in v86. It starts when it is made; a lost guest is replaced by a new one from the same source. */
export class GuestMachine implements Machine {
  readonly connections: ReadableStream<GuestConnection>
  readonly disk?: MachineDisk
  readonly #options: GuestMachineOptions
  readonly #keeper: GuestKeeper
  readonly #freezer: Freezer
  #connectionsController: ReadableStreamDefaultController<GuestConnection> | undefined
  #names: NameResolver | undefined
  #egress: Egress | undefined

  constructor(options: GuestMachineOptions) {
    this.#options = options
    if (options.disk) this.disk = new GuestDisk((call) => this.#request(call))
    this.connections = new ReadableStream({
      start: (controller) => {
        this.#connectionsController = controller
      },
      cancel: () => {
        this.#connectionsController = undefined
      },
    })
    this.#keeper = new GuestKeeper(options, (event) => this.#onEvent(event))
    this.#freezer = new Freezer({
      pause: async (container) => void (await this.#request({ op: 'pause', container })),
      resume: async (container) => void (await this.#request({ op: 'resume', container })),
      onError: (error) => options.log?.(`machine: freeze: ${String(error)}`),
    })
    this.#keeper.onState(({ state }) => {
      if (state !== 'running') return
      void this.#answerNames()
      void this.#carryEgress()
    })
  }

  async info(): Promise<GuestInfo> {
    return (await this.#keeper.ready()).control.info
  }

  addTree(id: string, root: RootfsNode): void {
    if (!/^[0-9a-f]{32,64}$/.test(id)) {
      throw new EngineError('invalid-parameter', `invalid tree id: ${id}`)
    }
    this.#keeper.addTree(id, root)
  }

  removeTree(id: string): void {
    this.#keeper.removeTree(id)
  }

  async run(start: ContainerStart, signal?: AbortSignal): Promise<GuestProcess> {
    this.#freezer.check()
    const { container } = start
    const open = { channel: 'process', op: 'run', ...start } as const
    const process = await this.#keeper.start(open, { container }, signal)
    this.#freezer.started(container, process.exited)
    return process
  }

  async exec(start: ExecStart, signal?: AbortSignal): Promise<GuestProcess> {
    this.#freezer.check()
    return this.#keeper.start(
      { channel: 'process', op: 'exec', ...start },
      { container: start.container, exec: start.exec },
      signal,
    )
  }

  async runOnHost(start: HostProcessStart, signal?: AbortSignal): Promise<GuestProcess> {
    await this.#keeper.mountHostRoot(await this.#keeper.ready(signal))
    return this.#keeper.start(
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
    await this.#freezer.pause(container)
  }

  async resume(container: string): Promise<void> {
    await this.#freezer.resume(container)
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

  async createNetwork(network: GuestNetwork): Promise<void> {
    await this.#request({ op: 'network-create', network })
  }

  async removeNetwork(bridge: string): Promise<void> {
    await this.#request({ op: 'network-remove', bridge })
  }

  async connectNetwork(
    container: string,
    endpoint: NetworkEndpoint,
    change: NetworkChange,
  ): Promise<void> {
    await this.#request({ op: 'network-connect', container, endpoint, ...change })
  }

  async disconnectNetwork(container: string, link: string, change: NetworkChange): Promise<void> {
    await this.#request({ op: 'network-disconnect', container, interface: link, ...change })
  }

  async dial(target: DialTarget, signal?: AbortSignal): Promise<Duplex> {
    return dial(this.#openFiles, target, signal)
  }

  resolveNames(resolve: NameResolver): void {
    this.#names = resolve
    void this.#answerNames()
  }

  connectOutside(egress: Egress): void {
    this.#egress = egress
    void this.#carryEgress()
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
    { name = archiveName(path), wholeSeconds = false, signal }: FileReadOptions = {},
  ): Promise<FileArchive> {
    const frame = { channel: 'archive', op: 'files', files, path, name, wholeSeconds } as const
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
    const guest = await this.#keeper.ready(signal)
    const start = this.#options.clock.monotonic()
    await guest.control.ping(signal)
    return this.#options.clock.monotonic() - start
  }

  async kernelLog(): Promise<string> {
    return parseText(await this.#request({ op: 'kernel-log' }))
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

  onState(listener: (state: MachineState) => void, signal?: AbortSignal): void {
    this.#keeper.onState(listener, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]()
    this.#connectionsController?.close()
    this.#connectionsController = undefined
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

  /** A stream about files; the host root must be there for its own. */
  readonly #openFiles: OpenStream = async (open, signal) => {
    const guest = await this.#keeper.ready(signal)
    if ('files' in open && 'host' in open.files) await this.#keeper.mountHostRoot(guest)
    return guest.openStream(open, signal)
  }

  async #request(call: GuestCall, signal?: AbortSignal): Promise<unknown> {
    return (await this.#keeper.ready(signal)).request(call, signal)
  }

  /** As long as the guest lives. */
  async #answerNames(): Promise<void> {
    const guest = this.#keeper.running
    if (!guest || !this.#names) return
    try {
      await answerNames(await guest.openStream({ channel: 'names' }), this.#names)
    } catch (error) {
      if (!guest.stopped.aborted) this.#options.log?.(`machine: names: ${String(error)}`)
    }
  }

  async #carryEgress(): Promise<void> {
    const guest = this.#keeper.running
    if (!guest || !this.#egress) return
    const log = this.#options.log ?? (() => undefined)
    try {
      await carryEgress(await guest.openStream({ channel: 'egress' }), this.#egress, {
        openStream: (open) => guest.openStream(open),
        log,
      })
    } catch (error) {
      if (!guest.stopped.aborted) log(`machine: egress: ${String(error)}`)
    }
  }

  #onEvent(event: GuestEvent): void {
    if (event.event !== 'connection') return
    this.#keeper.noteWork()
    // Nobody takes them: guestd closes what is not accepted.
    if ((this.#connectionsController?.desiredSize ?? 0) < -CONNECTIONS_MAX) return
    this.#accept(event.connection, event.service).catch((error: unknown) =>
      this.#options.log?.(`machine: a connection to ${event.service} was lost: ${String(error)}`),
    )
  }

  async #accept(connection: number, service: GuestConnection['service']): Promise<void> {
    const frames = await this.openStream({ channel: 'accept', connection })
    const stream: Duplex = framedDuplex(frames)
    this.#connectionsController?.enqueue({ service, stream })
  }
}
