import type {
  ContainerStart,
  ExecStart,
  ExitStatus,
  HostProcessStart,
  ProcessRef,
} from '../../core/guest-protocol.ts'

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

/** Processes of containers, and of the guest itself. */
export interface MachineProcesses {
  run(start: ContainerStart, signal?: AbortSignal): Promise<MachineProcess>
  exec(start: ExecStart, signal?: AbortSignal): Promise<MachineProcess>
  /** A process of the guest itself, in the host root: the user's shell. */
  runOnHost(start: HostProcessStart, signal?: AbortSignal): Promise<MachineProcess>
  signal(process: ProcessRef, signal: number): Promise<void>
  resize(process: ProcessRef, size: { readonly cols: number; readonly rows: number }): Promise<void>
}
