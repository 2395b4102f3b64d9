import type { Duplex } from '../core/duplex.ts'
import type { RootfsNode } from '../core/layer.ts'
import type { Egress } from './egress.ts'
import type { ContainerFiles, ExtractOpen, FileOwner, FileStat } from '../core/guest-archives.ts'
import type {
  ContainerStart,
  ExecStart,
  ExitStatus,
  DialTarget,
  GuestInfo,
  HostProcessStart,
  ProcessRef,
  ResourceUpdate,
  ContainerStats,
} from '../core/guest-protocol.ts'
import type { GuestNetwork, NetworkChange, NetworkEndpoint } from '../core/guest-networks.ts'

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Uint8Array
}

/** A started process. Its output must be read, or it stops at a full pipe. */
export interface MachineProcess {
  readonly pid: number
  /** Closed after the last byte of both streams; errored when the machine was lost. A terminal's output is `stdout`. */
  readonly output: ReadableStream<OutputChunk>
  /** Closing it closes the process's stdin. */
  readonly stdin: WritableStream<Uint8Array>
  /** Never rejects: a lost machine is an exit of its own kind. May come before the end of `output`. */
  readonly exited: Promise<ExitStatus>
}

/** A connection that a process in the guest made to one of the host's services. */
export interface GuestConnection {
  readonly service: 'docker-cli' | 'docker-socket'
  readonly stream: Duplex
}

/** One of Docker's changes: 0 modified, 1 added, 2 deleted. */
export interface FileChange {
  readonly kind: 0 | 1 | 2
  /** Absolute. Names are strings as `codec/name-bytes` has them. */
  readonly path: string
}

export interface FileArchive {
  readonly stat: FileStat
  readonly tar: ReadableStream<Uint8Array>
}

/** What is on a machine's disk. */
export interface DiskList {
  /** Ids of the containers that have a writable layer there. */
  readonly uppers: readonly string[]
  readonly volumes: readonly string[]
  /** Bytes. */
  readonly size: number
  readonly free: number
}

/** Volumes are directories that containers and the host root see at `/run/disk/volumes/<name>/_data`. */
export interface MachineDisk {
  list(): Promise<DiskList>
  /** One that is there stays as it is. */
  makeVolume(name: string): Promise<void>
  /** Unknown ones are no error. */
  removeVolume(name: string): Promise<void>
  /** Bytes in it, as Docker counts them: the lengths of its files. */
  volumeUsage(name: string): Promise<number>
  /** Bytes that a container has written to its layer, counted likewise; 0 for one that has none. */
  layerUsage(container: string): Promise<number>
  /** A tmpfs in the place of its directory, for all containers that get it from now on. Again is no error. */
  mountVolume(name: string, options: readonly string[]): Promise<void>
  /** Its directory again. */
  unmountVolume(name: string): Promise<void>
  /** Resolved when everything written so far survives. */
  sync(): Promise<void>
}

export interface LayerOptions {
  /**
   * Absolute paths that are there as mount points only (`/proc`, `/etc/hosts` …): left out when they are new and empty.
   * Default: what Docker puts into every container.
   */
  readonly ignore?: readonly string[]
  readonly signal?: AbortSignal
}

export interface FileReadOptions {
  /** What the archive calls the path's last part; default: that part, `/` for the root. */
  readonly name?: string
  /** Cut the times of files, as Docker's `cp` and `export` do. */
  readonly wholeSeconds?: boolean
  readonly signal?: AbortSignal
}

export interface FileWriteOptions extends Pick<ExtractOpen, 'noOverwriteDirNonDir' | 'owner'> {
  readonly signal?: AbortSignal
}

/**
 * What the engine needs of Linux. v86 is one implementation, a scripted one serves fast tests.
 * Every method throws EngineError, `unavailable` while no guest runs; an aborted signal cancels the operation in the guest.
 */
export interface Machine extends AsyncDisposable {
  /** Absent without a disk: writable layers are gone with the guest then. */
  readonly disk?: MachineDisk
  /** Facts of the running guest; waits for a boot that is under way. */
  info(): Promise<GuestInfo>
  /** Make an image's tree readable under `id` (32 to 64 hex characters) for `run`. Adding again is no error. */
  addTree(id: string, root: RootfsNode): void
  /** Forget a tree that no container uses. */
  removeTree(id: string): void
  run(start: ContainerStart, signal?: AbortSignal): Promise<MachineProcess>
  exec(start: ExecStart, signal?: AbortSignal): Promise<MachineProcess>
  /** A process of the guest itself, in the host root: the user's shell. */
  runOnHost(start: HostProcessStart, signal?: AbortSignal): Promise<MachineProcess>
  signal(process: ProcessRef, signal: number): Promise<void>
  resize(process: ProcessRef, size: { readonly cols: number; readonly rows: number }): Promise<void>
  pause(container: string): Promise<void>
  resume(container: string): Promise<void>
  update(container: string, resources: ResourceUpdate): Promise<void>
  stats(container: string): Promise<ContainerStats>
  /** Rows as `ps -ef` would print, the container's processes only. */
  top(container: string): Promise<
    readonly {
      readonly pid: number
      readonly command: string
      readonly [column: string]: string | number
    }[]
  >
  /** Remove what is left of a container that does not run: mounts, cgroup, writable layer. Unknown ones are no error. */
  delete(container: string): Promise<void>
  /**
   * The container's writable layer as an OCI layer tar (image-spec v1.1.1, layer.md): sorted, sub-second mtimes, xattrs
   * `security.capability` and `user.*`, hard links, devices; sockets are left out. Reading it stops with the reader.
   */
  readChanges(files: ContainerFiles, options?: LayerOptions): Promise<ReadableStream<Uint8Array>>
  /** The same as Docker lists it: sorted, with the directories above what was added or deleted. */
  listChanges(files: ContainerFiles, options?: LayerOptions): Promise<readonly FileChange[]>
  /**
   * A path with all below it, as a tar. Paths are resolved inside of the root they are in.
   * @throws EngineError `not-found` when nothing is there; its cause is the GuestError `no-path`
   */
  readFiles(files: FileOwner, path: string, options?: FileReadOptions): Promise<FileArchive>
  /** @throws EngineError `not-found` */
  statFile(files: FileOwner, path: string, signal?: AbortSignal): Promise<FileStat>
  /**
   * Unpack a tar below a directory; its members replace what is there. Resolves when all is written; what was written before
   * something went wrong stays.
   * @throws EngineError `not-found` without the directory, `invalid-parameter` for a broken archive or no directory
   */
  writeFiles(
    files: FileOwner,
    path: string,
    tar: ReadableStream<Uint8Array>,
    options?: FileWriteOptions,
  ): Promise<void>
  /** Make a network's bridge, if it isn't there; it lives as long as the guest. */
  createNetwork(network: GuestNetwork): Promise<void>
  /** Remove a bridge that no container is in. */
  removeNetwork(bridge: string): Promise<void>
  /** Give a running container with a network of its own another link. */
  connectNetwork(container: string, endpoint: NetworkEndpoint, change: NetworkChange): Promise<void>
  disconnectNetwork(container: string, link: string, change: NetworkChange): Promise<void>
  /**
   * Connect to an address from the guest's own network. By UDP each chunk is a datagram.
   * @throws EngineError `unavailable` with the guest's reason
   */
  dial(target: DialTarget, signal?: AbortSignal): Promise<Duplex>
  /** Who answers what containers ask their resolver; the last one asked for counts. It must not reject. */
  resolveNames(resolve: NameResolver): void
  /** By whom the guest reaches the outside; the last one given counts. Without one it is told that there is no network. */
  connectOutside(egress: Egress): void
  /** Round trip to guestd, in milliseconds. */
  ping(signal?: AbortSignal): Promise<number>
  /** The kernel's log, for diagnostics. */
  kernelLog(): Promise<string>
  /** Connections that processes in the guest make to the host's services; one reader. */
  readonly connections: ReadableStream<GuestConnection>
  /** Called when the guest was lost (panic, hang) and again when another is up. */
  onState(listener: (state: MachineState) => void, signal?: AbortSignal): void
}

/** A question of a container's, as it came. */
export interface NameQuestion {
  readonly container: string
  readonly protocol: 'tcp' | 'udp'
  /** A DNS message (RFC 1035). */
  readonly message: Uint8Array
}

/** @returns the answer's DNS message; undefined: none */
export type NameResolver = (question: NameQuestion) => Promise<Uint8Array | undefined>

export type MachineState =
  | { readonly state: 'starting' }
  | { readonly state: 'running' }
  | { readonly state: 'lost'; readonly reason: string }
