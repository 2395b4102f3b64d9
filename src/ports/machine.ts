import type { Duplex } from '../core/duplex.ts'
import type { RootfsNode } from '../core/layer.ts'
import type {
  ContainerStart,
  ExecStart,
  ExitStatus,
  GuestInfo,
  HostProcessStart,
  ProcessRef,
  ResourceUpdate,
  ContainerStats,
} from '../core/guest-protocol.ts'

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

/**
 * What the engine needs of Linux. v86 is one implementation, a scripted one serves fast tests.
 * Every method throws EngineError, `unavailable` while no guest runs; an aborted signal cancels the operation in the guest.
 */
export interface Machine extends AsyncDisposable {
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
  /** Round trip to guestd, in milliseconds. */
  ping(signal?: AbortSignal): Promise<number>
  /** The kernel's log, for diagnostics. */
  kernelLog(): Promise<string>
  /** Connections that processes in the guest make to the host's services; one reader. */
  readonly connections: ReadableStream<GuestConnection>
  /** Called when the guest was lost (panic, hang) and again when another is up. */
  onState(listener: (state: MachineState) => void, signal?: AbortSignal): void
}

export type MachineState =
  | { readonly state: 'starting' }
  | { readonly state: 'running' }
  | { readonly state: 'lost'; readonly reason: string }
