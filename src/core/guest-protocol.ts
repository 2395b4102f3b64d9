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
 *   time, `ping` → `pong` with the same payload.
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

/** A bridge of the guest, and how it is treated. */
export interface GuestNetwork {
  /** Its link's name: `docker0`, `br-0123456789ab`. */
  readonly bridge: string
  /** Of the bridge itself, the gateways, with their subnet's length: `172.17.0.1/16`. */
  readonly addresses: readonly string[]
  /** Nothing of it reaches the outside, nor other networks. */
  readonly internal: boolean
  /** Its containers don't reach each other (`icc=false`). */
  readonly isolated: boolean
  /** What leaves it takes the machine's own address. */
  readonly masquerade: boolean
  readonly mtu?: number
}

/** A container's place in a network. */
export interface NetworkEndpoint {
  readonly bridge: string
  /** Name of the link in the container. */
  readonly interface: string
  /** `02:42:ac:11:00:02` */
  readonly mac: string
  /** With their subnet's length: `172.17.0.2/16`. */
  readonly addresses: readonly string[]
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp'
  /** Absent: every address of the machine. */
  readonly hostIp?: string
  readonly hostPort: number
  /** The container's address and port. */
  readonly address: string
  readonly port: number
}

export interface ContainerNetwork {
  readonly endpoints: readonly NetworkEndpoint[]
  /** Default routes, one of a family at most. */
  readonly gateways: readonly string[]
  /** A resolver at 127.0.0.11, see channel `names`. */
  readonly resolver: boolean
  readonly ports: readonly PublishedPort[]
}

/** What a connect or disconnect leaves behind: gateways, ports and /etc/hosts as they are to be then. */
export interface NetworkChange {
  readonly gateways: readonly string[]
  readonly resolver: boolean
  /** Absent: they stay. */
  readonly ports?: readonly PublishedPort[]
  /** As ContainerStart's. */
  readonly files: Readonly<Record<string, string>>
}

/** Counters of a link, seen from inside the container. */
export interface LinkStats {
  readonly rxBytes: number
  readonly rxPackets: number
  readonly rxErrors: number
  readonly rxDropped: number
  readonly txBytes: number
  readonly txPackets: number
  readonly txErrors: number
  readonly txDropped: number
}

/** A container's files, whether it runs or not; one that never ran gets its writable layer now. */
export interface ContainerFiles {
  readonly container: string
  /** Tree that it stands on: see `addTree`. */
  readonly tree: string
  /** Bind mounts to be seen in it: its volumes, as Docker shows them to `cp`. */
  readonly mounts?: readonly RuntimeMount[]
}

export type FileOwner = ContainerFiles | { readonly host: true }

export type ArchiveOpen =
  /** What stands at `path`; of a symlink the link itself. */
  | { readonly op: 'stat'; readonly files: FileOwner; readonly path: string }
  /**
   * The tar of `path` and all below it. A symlink at its end is followed only with a trailing slash or dot.
   * `name` is what the archive calls it: `etc` gives `etc/`, `etc/passwd`; `/` gives `/`, `/passwd`; an empty one gives what is
   * in the directory alone, `passwd`. `wholeSeconds` cuts times, as Docker does.
   */
  | {
      readonly op: 'files'
      readonly files: FileOwner
      readonly path: string
      readonly name: string
      readonly wholeSeconds?: boolean
    }
  /**
   * The tar of the container's writable layer, with whiteouts (image-spec v1.1.1, layer.md). `ignore`: absolute paths that are
   * there as mount points only; they are left out when they are new and empty.
   */
  | {
      readonly op: 'layer'
      readonly files: ContainerFiles
      readonly ignore?: readonly string[]
    }
  /** Records: `M`, `A` or `D`, an absolute path, a zero byte. In Docker's order: sorted by path. */
  | {
      readonly op: 'changes'
      readonly files: ContainerFiles
      readonly ignore?: readonly string[]
    }

export interface ExtractOpen {
  readonly files: FileOwner
  /** A directory; symlinks are followed. */
  readonly path: string
  /** Refuse to put a directory in place of another file, or the other way round. */
  readonly noOverwriteDirNonDir?: boolean
  /** Owner of all that is written, instead of the archive's. */
  readonly owner?: { readonly uid: number; readonly gid: number }
}

export interface FileStat {
  /** st_mode: type and permissions. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Since 1970. */
  readonly seconds: number
  readonly nanoseconds: number
  /** Of a symlink: where it leads in the end, absolute; as far as that is there. Otherwise empty. */
  readonly linkTarget: string
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
  /** Result: DiskList of ports/machine.ts. */
  | { readonly op: 'list-disk' }
  /** Answered when all is durable. */
  | { readonly op: 'sync-disk' }
  | { readonly op: 'make-volume'; readonly volume: string }
  | { readonly op: 'remove-volume'; readonly volume: string }
  /** Result: `{bytes}`. */
  | { readonly op: 'volume-usage'; readonly volume: string }
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
  /** Result: `{processes: [{pid, ppid, uid, user?, startTime, time, tty, command}]}`. */
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

/** runtime-spec v1.2, config.md#process; the parts that guestd honours. */
export interface RuntimeProcess {
  readonly terminal?: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly umask?: number
    readonly additionalGids?: readonly number[]
  }
  readonly args: readonly string[]
  readonly env?: readonly string[]
  readonly cwd: string
  readonly capabilities?: Readonly<
    Record<'bounding' | 'effective' | 'inheritable' | 'permitted' | 'ambient', readonly string[]>
  >
  readonly rlimits?: readonly {
    readonly type: string
    readonly hard: number
    readonly soft: number
  }[]
  readonly noNewPrivileges?: boolean
  readonly oomScoreAdj?: number
}

export interface RuntimeMount {
  /** Of a bind mount: an empty source is filled first with what the image has at the destination. */
  readonly copy?: boolean
  readonly destination: string
  readonly type?: string
  readonly source?: string
  readonly options?: readonly string[]
}

/** runtime-spec v1.2, config.md; the parts that guestd honours. */
export interface RuntimeSpec {
  readonly ociVersion: string
  readonly process: RuntimeProcess
  readonly root: { readonly path: string; readonly readonly?: boolean }
  readonly hostname?: string
  readonly domainname?: string
  readonly mounts?: readonly RuntimeMount[]
  readonly linux: {
    readonly namespaces: readonly { readonly type: string; readonly path?: string }[]
    readonly cgroupsPath?: string
    readonly resources?: {
      readonly memory?: {
        readonly limit?: number
        readonly reservation?: number
        readonly swap?: number
      }
      readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number }
      readonly pids?: { readonly limit: number }
      readonly devices?: readonly {
        readonly allow: boolean
        readonly type?: string
        readonly major?: number
        readonly minor?: number
        readonly access?: string
      }[]
    }
    readonly devices?: readonly {
      readonly path: string
      readonly type: string
      readonly major?: number
      readonly minor?: number
      readonly fileMode?: number
      readonly uid?: number
      readonly gid?: number
    }[]
    readonly maskedPaths?: readonly string[]
    readonly readonlyPaths?: readonly string[]
    readonly sysctl?: Readonly<Record<string, string>>
    readonly rootfsPropagation?: string
  }
}
