import type { MountRequest } from './guest-mounts.ts'
import type { ArchiveOpen, ExtractOpen } from './guest-archives.ts'
import type {
  GuestNetwork,
  NetworkEndpoint,
  ContainerNetwork,
  NetworkChange,
  LinkStats,
} from './guest-networks.ts'
import type { RuntimeProcess, RuntimeSpec } from './runtime-spec.ts'

/**
 * The protocol between the host and guestd, described here once. `wasm/guestd` implements the other end; both are held
 * against the same golden frames (tests/golden/guest-protocol).
 *
 * Transport: AF_VSOCK streams. guestd listens on `GUEST_PORT` and accepts only CID 2 (the host). Every stream is
 * opened by the host: AF_VSOCK is not namespaced, so a stream that comes from the guest proves nothing.
 *
 * Frame: u32 payload length (little endian, ≤ FRAME_MAX), u8 kind, 3 bytes zero, payload. A peer that breaks this
 * is cut off. Payloads are JSON (UTF-8, an object) unless the kind says bytes.
 *
 * The host's first frame on a stream is `open`; its `channel` decides what follows:
 *
 * - `control`  guestd answers `hello`. Then `request` → `response` by id in any order, `cancel` by id (always
 *   answered: the cancelled request gets its `response`, with error code `cancelled` if it took effect), `event` at any
 *   time, `ping` → `pong` with the same payload. What walks a tree or waits for the disk runs beside the rest, a few of a kind
 *   at once. A cancelled `volume-usage`, `layer-usage` or `sync-disk` stops; what changes files is cancelled only before it begins.
 * - `process`  starts a process or takes one up again: `started` or `failed`. Then guest → host `stdout`, `stderr`
 *   (bytes), one `output-end` per stream, `exited`; host → guest `stdin` (bytes), `stdin-end`. guestd closes the
 *   stream after `exited` and every `output-end`. The host may close at any time: the process lives on, guestd keeps
 *   reading nothing from its pipes until the stream is taken up again with `attach`.
 * - `accept`   takes a connection that a guest process made to one of guestd's unix sockets, told by event
 *   `connection`. Then `data` (bytes) and `end` (half-close) both ways; a close without `end` is an abort.
 * - `archive`  reads files: guestd answers `started` with JSON (of op `stat` and `files`: `{stat}`, of others `{}`) or `failed`;
 *   then `data` (bytes of a tar archive, or of records: see ArchiveOpen), and `end` or `failed`. The host may close at any time.
 * - `extract`  writes files: host → guest `data` (bytes of a tar archive) and `end`; guestd answers `end` when all is written, or
 *   `failed` as soon as something is wrong; what was written by then stays.
 * - `dial`     connects to an address from the guest's own network namespace: guestd answers `started` (`{}`) or `failed`. Then
 *   by TCP `data` and `end` as with `accept`; by UDP `datagram` both ways, each one whole, until the host closes.
 * - `names`    carries the questions that containers ask their resolver at 127.0.0.11: guest → host `question`, host → guest
 *   `answer`. The host opens one; a new one takes the place of the last. Without one guestd answers SERVFAIL.
 * - `egress`, `egress-accept`  the way out: see guest-egress.ts.
 * - `echo`, `source`, `sink`  for tests and the benchmark: `data`/`end`. `source` sends `bytes` bytes in frames of `write`
 *   bytes; `sink` reads all and answers `end` after `end`; `echo` sends back what it gets.
 *
 * Flow control is the transport's: who doesn't read stops the writer. Large writes: guestd sends up to 64 KiB a frame.
 */
export const PROTOCOL_VERSION = 1
export const GUEST_PORT = 1024
export const FRAME_HEADER_SIZE = 8
/** Largest payload of a frame, in bytes. */
export const FRAME_MAX = 1_048_576

export const frameKind = {
  open: 0x01,
  hello: 0x02,
  request: 0x03,
  response: 0x04,
  event: 0x05,
  cancel: 0x06,
  /** Bytes, at most 64. */
  ping: 0x07,
  pong: 0x08,
  started: 0x10,
  failed: 0x11,
  /** Bytes. */
  stdout: 0x12,
  /** Bytes. */
  stderr: 0x13,
  /** One byte: 1 stdout, 2 stderr. */
  'output-end': 0x14,
  /** Bytes. */
  stdin: 0x15,
  /** Empty. */
  'stdin-end': 0x16,
  exited: 0x18,
  /** Bytes. */
  data: 0x20,
  /** Empty. */
  end: 0x21,
  /** Bytes of one UDP datagram. */
  datagram: 0x22,
  /** u32 number (little endian), 64 bytes container id, u8 0 by UDP and 1 by TCP, a DNS message (RFC 1035). */
  question: 0x23,
  /** u32 number of the question, a DNS message. */
  answer: 0x24,
  /** Of `egress`: see guest-egress.ts. */
  connect: 0x25,
  refuse: 0x26,
  withdrawn: 0x27,
} as const

export type FrameKind = keyof typeof frameKind

/** Which process: a container's init, one of its execs, or a process of the host root. */
export type ProcessRef =
  | { readonly container: string; readonly exec?: string }
  | { readonly host: string }

export type OpenFrame =
  | { readonly channel: 'control' }
  | ({ readonly channel: 'process'; readonly op: 'run' } & ContainerStart)
  | ({ readonly channel: 'process'; readonly op: 'exec' } & ExecStart)
  | ({ readonly channel: 'process'; readonly op: 'run-host' } & HostProcessStart)
  | {
      readonly channel: 'process'
      readonly op: 'attach'
      readonly process: ProcessRef
      /** Bytes of each stream that the host has already; guestd keeps the last 64 KiB sent for this. */
      readonly offsets: { readonly stdout: number; readonly stderr: number }
    }
  | { readonly channel: 'accept'; readonly connection: number }
  | ({ readonly channel: 'archive' } & ArchiveOpen)
  | ({ readonly channel: 'extract' } & ExtractOpen)
  | ({ readonly channel: 'dial' } & DialTarget)
  | { readonly channel: 'names' }
  | { readonly channel: 'egress' }
  | { readonly channel: 'egress-accept'; readonly connection: number }
  | { readonly channel: 'echo' }
  | { readonly channel: 'sink' }
  | { readonly channel: 'source'; readonly bytes: number; readonly write: number }

/** Where `dial` connects to. */
export interface DialTarget {
  readonly protocol: 'tcp' | 'udp'
  /** IPv4 or IPv6, no name. */
  readonly address: string
  readonly port: number
}

/** guestd's greeting on a control stream. */
export interface GuestInfo {
  readonly version: number
  /** guestd's build: 16 hex characters of the digest of its sources. */
  readonly build: string
  /** `uname -r` */
  readonly kernel: string
  readonly memoryBytes: number
  readonly cpus: number
  readonly features: readonly string[]
}

/** Start a container: what runc's create and start do together. */
export interface ContainerStart {
  /** 64 hex characters. */
  readonly container: string
  /** For the log. */
  readonly requestId?: string
  /**
   * OCI runtime config.json (runtime-spec v1.2). guestd honours: process (terminal, consoleSize, user with
   * additionalGids and umask, args, env, cwd, capabilities, rlimits, noNewPrivileges, oomScoreAdj), root.readonly,
   * hostname, domainname, mounts (bind, tmpfs, proc, sysfs, devpts, mqueue, cgroup2), linux.namespaces (with path), .uidMappings none,
   * .devices, .resources (memory.limit/.reservation/.swap, cpu.shares/.quota/.period, pids.limit, devices), .cgroupsPath,
   * .maskedPaths, .readonlyPaths, .sysctl, .rootfsPropagation. `root.path` and `linux.seccomp` are ignored: see below.
   */
  readonly spec: RuntimeSpec
  readonly rootfs: {
    /** Tree added to the 9p server: overlay lower directory. */
    readonly tree: string
    /** `tmpfs`: gone with the guest. `disk`: a directory of the disk. One that is there already stays where it is. */
    readonly upper: 'tmpfs' | 'disk'
    /** It need not survive the guest: nothing is waited for. */
    readonly volatile?: boolean
    /** Overlay's redirect_dir, which renames lower directories; default true. A layer is read faster without. */
    readonly redirect?: boolean
  }
  /**
   * Files that guestd writes below `/run/containers/<container>/` before the mounts are made: name → text. The spec's
   * bind mounts name them by that path (hosts, hostname, resolv.conf).
   */
  readonly files: Readonly<Record<string, string>>
  /** cBPF program (struct sock_filter array, i386 little endian), base64; absent: unconfined. */
  readonly seccomp?: string
  /** With a network namespace of its own: its links. Absent: the loopback alone. Its bridges must be there. */
  readonly network?: ContainerNetwork
}

export interface ExecStart {
  readonly container: string
  readonly exec: string
  readonly requestId?: string
  readonly process: RuntimeProcess
  readonly seccomp?: string
}

/** A process in the host root, in the guest's own namespaces. */
export interface HostProcessStart {
  readonly host: string
  readonly process: RuntimeProcess
}

/** @public payload of `started` */
export interface StartedFrame {
  readonly pid: number
  /** Offsets at which the output goes on: 0 for a new process. */
  readonly offsets: { readonly stdout: number; readonly stderr: number }
  /** Stages in microseconds, for the benchmark: cgroup, clone, mounts, exec … */
  readonly timings?: Readonly<Record<string, number>>
}

export interface GuestError {
  /**
   * `not-found` and `not-executable` speak of the command; `no-container`, `not-running`, `exists` of the target; `no-path` of
   * a file that should be there; `cancelled`; `invalid` of the request; `failed` of all else.
   */
  readonly code:
    | 'not-found'
    | 'not-executable'
    | 'no-container'
    | 'no-path'
    | 'not-running'
    | 'exists'
    | 'cancelled'
    | 'invalid'
    | 'failed'
  /** In runc's words where it has them: `exec: "nosuch": executable file not found in $PATH`. */
  readonly message: string
}

export type ExitStatus =
  /** `code` is 128 + N for a death by signal N. */
  | { readonly kind: 'exited'; readonly code: number; readonly oomKilled: boolean }
  /** The guest was lost with the process. */
  | { readonly kind: 'lost'; readonly reason: string }

/** @public payload of `exited` */
export interface ExitedFrame {
  /** 128 + N for a death by signal N. */
  readonly code: number
  readonly oomKilled: boolean
}

export type GuestRequest = { readonly id: number; readonly requestId?: string } & (
  | {
      /** Sent first, after a cold boot as after a restore. */
      readonly op: 'configure'
      /** Seconds since 1970, with a fraction. */
      readonly time: number
      /** At least 64 bytes, base64. */
      readonly entropy: string
      readonly hostname: string
      /** 32 hex characters. */
      readonly machineId: string
      /** Tag of the 9p device with one directory per tree. guestd mounts it now: fids are not in a snapshot. */
      readonly treesTag: string
    }
  | { readonly op: 'set-clock'; readonly time: number }
  /** After `configure`: mount the disk of `size` bytes. An empty one gets a filesystem, a smaller one grows. */
  | { readonly op: 'mount-disk'; readonly size: number }
  /** Result: DiskList of ports/machine/disk.ts. */
  | { readonly op: 'list-disk' }
  /** Answered when all is durable. */
  | { readonly op: 'sync-disk' }
  | { readonly op: 'make-volume'; readonly volume: string }
  | { readonly op: 'remove-volume'; readonly volume: string }
  /** Result: `{bytes}`. */
  | { readonly op: 'volume-usage'; readonly volume: string }
  /** Result: `{bytes}`; 0 for a container that has none. */
  | { readonly op: 'layer-usage'; readonly container: string }
  | MountRequest
  /** Overlay of the tree and a tmpfs or the disk, entered by `run-host` processes; with /proc, /sys, /dev, cgroups, the sockets. */
  | { readonly op: 'mount-host-root'; readonly tree: string }
  | { readonly op: 'signal'; readonly process: ProcessRef; readonly signal: number }
  | {
      readonly op: 'resize'
      readonly process: ProcessRef
      readonly cols: number
      readonly rows: number
    }
  | { readonly op: 'pause'; readonly container: string }
  | { readonly op: 'resume'; readonly container: string }
  | { readonly op: 'update'; readonly container: string; readonly resources: ResourceUpdate }
  /** Result: ContainerStats. */
  | { readonly op: 'stats'; readonly container: string }
  /** Result: `{processes: [{pid, ppid, uid, startTime, time, tty, state, virtualBytes, residentBytes, command}]}`. */
  | { readonly op: 'top'; readonly container: string }
  | { readonly op: 'delete'; readonly container: string }
  /** Result: `{containers: [{container, state: 'running'|'exited', pid}]}`. */
  | { readonly op: 'list' }
  /** The bridge, if it isn't there. */
  | { readonly op: 'network-create'; readonly network: GuestNetwork }
  /** No container may be in it; one that isn't there is fine. */
  | { readonly op: 'network-remove'; readonly bridge: string }
  | ({
      readonly op: 'network-connect'
      readonly container: string
      readonly endpoint: NetworkEndpoint
    } & NetworkChange)
  | ({
      readonly op: 'network-disconnect'
      readonly container: string
      readonly interface: string
    } & NetworkChange)
  /** Result: `{networks: [bridge], containers: [id], pooled}`: what guestd holds, for tests. */
  | { readonly op: 'network-list' }
  /** Result: `{text}`, the last 512 KiB. */
  | { readonly op: 'kernel-log' }
)

/** @public payload of `response` */
export type GuestResponse =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: GuestError }

export type GuestEvent =
  /** A guest process connected to `/run/drydock/docker-cli.sock` or `/run/docker.sock`. Unaccepted for 10 s: closed. */
  | {
      readonly event: 'connection'
      readonly connection: number
      readonly service: 'docker-cli' | 'docker-socket'
    }
  | { readonly event: 'oom'; readonly container: string }

/** cgroup v2 values, written as they are; absent ones stay. */
export interface ResourceUpdate {
  readonly memoryMax?: number | 'max'
  readonly memorySwapMax?: number | 'max'
  readonly memoryLow?: number
  readonly cpuMax?: string
  readonly cpuWeight?: number
  readonly pidsMax?: number | 'max'
}

/** Read from the container's cgroup. */
export interface ContainerStats {
  /** memory.current, memory.peak, memory.max (null: no limit), in bytes. */
  readonly memory: {
    readonly current: number
    readonly peak: number
    readonly max: number | null
    /** memory.stat, as it is. */
    readonly stat: Readonly<Record<string, number>>
    /** memory.events, as it is. */
    readonly events: Readonly<Record<string, number>>
  }
  /** cpu.stat, as it is, and the time that all processors have had since the boot, in microseconds. */
  readonly cpu: Readonly<Record<string, number>>
  readonly systemCpuUsec: number
  readonly pids: { readonly current: number; readonly max: number | null }
  /** io.stat sums. */
  readonly io: { readonly readBytes: number; readonly writeBytes: number }
  /** By link, those of a network of its own. */
  readonly networks: Readonly<Record<string, LinkStats>>
}
