import type { MountRequest } from '../volumes/parse-mounts.ts'
import type { OciContainerDefaults, OciHealthcheck } from '../../core/oci.ts'

/** ContainerConfig of the Engine API, as it is stored and shown. */
export interface ContainerConfig {
  readonly Hostname: string
  readonly Domainname: string
  readonly User: string
  readonly AttachStdin: boolean
  readonly AttachStdout: boolean
  readonly AttachStderr: boolean
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Tty: boolean
  readonly OpenStdin: boolean
  readonly StdinOnce: boolean
  readonly Env: readonly string[]
  readonly Cmd: readonly string[] | null
  readonly Healthcheck?: OciHealthcheck
  readonly ArgsEscaped?: boolean
  readonly Image: string
  readonly Volumes: Readonly<Record<string, object>> | null
  readonly WorkingDir: string
  readonly Entrypoint: readonly string[] | null
  readonly NetworkDisabled?: boolean
  readonly OnBuild: readonly string[] | null
  readonly Labels: Readonly<Record<string, string>>
  readonly StopSignal?: string
  /** Seconds. */
  readonly StopTimeout?: number
  readonly Shell?: readonly string[]
}

interface Ulimit {
  readonly Name: string
  readonly Hard: number
  readonly Soft: number
}

export interface RestartPolicy {
  readonly Name: 'no' | 'always' | 'on-failure' | 'unless-stopped'
  readonly MaximumRetryCount: number
}

/** The part of HostConfig that `update` may change. Bytes, and the kernel's units for processors. */
export interface Resources {
  readonly CpuShares: number
  readonly Memory: number
  readonly NanoCpus: number
  readonly CpuPeriod: number
  readonly CpuQuota: number
  readonly MemoryReservation: number
  /** Memory and swap together; -1: no limit. */
  readonly MemorySwap: number
  readonly PidsLimit: number | null
  readonly Ulimits: readonly Ulimit[] | null
}

/** What the engine reads of HostConfig; the rest is kept and shown as it was given. */
export interface HostConfig extends Resources {
  readonly NetworkMode: string
  readonly RestartPolicy: RestartPolicy
  readonly AutoRemove: boolean
  readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> }
  readonly ConsoleSize: readonly [rows: number, columns: number]
  readonly CapAdd: readonly string[] | null
  readonly CapDrop: readonly string[] | null
  readonly CgroupnsMode: string
  readonly Dns: readonly string[]
  readonly DnsOptions: readonly string[]
  readonly DnsSearch: readonly string[]
  readonly ExtraHosts: readonly string[] | null
  readonly GroupAdd: readonly string[] | null
  readonly IpcMode: string
  readonly PidMode: string
  readonly UTSMode: string
  readonly OomScoreAdj: number
  readonly Privileged: boolean
  readonly ReadonlyRootfs: boolean
  readonly SecurityOpt: readonly string[] | null
  readonly Tmpfs?: Readonly<Record<string, string>>
  readonly ShmSize: number
  readonly Runtime: string
  readonly Sysctls?: Readonly<Record<string, string>>
  readonly Binds: readonly string[] | null
  readonly VolumesFrom?: readonly string[] | null
  readonly Mounts?: readonly MountRequest[]
  readonly Devices: readonly DeviceMapping[]
  readonly DeviceCgroupRules?: readonly string[] | null
  readonly DeviceRequests?: readonly DeviceRequest[] | null
  readonly MaskedPaths: readonly string[] | null
  readonly ReadonlyPaths: readonly string[] | null
  readonly Init?: boolean
  readonly Links: readonly string[] | null
  readonly PublishAllPorts: boolean
  readonly PortBindings: Readonly<Record<string, readonly PortBinding[] | null>>
}

interface PortBinding {
  readonly HostIp: string
  readonly HostPort: string
}

interface DeviceMapping {
  readonly PathOnHost: string
  readonly PathInContainer: string
  readonly CgroupPermissions: string
}

interface DeviceRequest {
  readonly Driver?: string
  readonly Capabilities?: readonly (readonly string[])[] | null
}

/** Body of `containers/create`: a ContainerConfig with two members more. Any part may be missing or null. */
export type CreateBody = Nullable<ContainerConfig> & {
  /** Of clients of before 1.44: that of the first network. */
  readonly MacAddress?: string | null
  readonly HostConfig?: Nullable<HostConfig> | null
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, unknown>> | null
  } | null
}

type Nullable<T> = { readonly [K in keyof T]?: T[K] | null }

const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

const defaultShmSize = 64 * 1024 * 1024

/** Drops what is null or undefined, so that defaults show through. */
const given = <T extends object>(
  value: T | null | undefined,
): { readonly [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(
    Object.entries(value ?? {}).filter(([, member]) => member !== null && member !== undefined),
  ) as { readonly [K in keyof T]?: NonNullable<T[K]> }

/**
 * The container's configuration with the image's defaults (moby daemon/commit.go merge). Docker's order of members, as
 * it is shown by inspect.
 * @param hostname when the client gives none
 */
export function mergeConfig(
  body: CreateBody,
  image: OciContainerDefaults,
  hostname: string,
): ContainerConfig {
  const own = given(body)
  const environment = own.Env ?? []
  const names = new Set(environment.map(nameOf))
  const inherited = (image.Env ?? []).filter((line) => !names.has(nameOf(line)))
  const entrypointGiven = own.Entrypoint !== undefined
  // An entrypoint of the client's drops the image's command; [''] is how it says "none".
  const entrypoint = entrypointGiven
    ? own.Entrypoint?.length === 1 && own.Entrypoint[0] === ''
      ? null
      : own.Entrypoint
    : image.Entrypoint
  const hasCommand = own.Cmd !== undefined && own.Cmd.length > 0
  const command = hasCommand ? own.Cmd : entrypointGiven ? null : image.Cmd
  const exposed = { ...image.ExposedPorts, ...own.ExposedPorts }
  const volumes = { ...image.Volumes, ...own.Volumes }
  const healthcheck = mergeHealthcheck(own.Healthcheck, image.Healthcheck)
  const stopSignal = own.StopSignal || image.StopSignal
  const stopTimeout = own.StopTimeout ?? image.StopTimeout
  const shell = own.Shell ?? image.Shell
  return {
    Hostname: own.Hostname || hostname,
    Domainname: own.Domainname ?? '',
    User: own.User || image.User || '',
    AttachStdin: own.AttachStdin ?? false,
    AttachStdout: own.AttachStdout ?? false,
    AttachStderr: own.AttachStderr ?? false,
    ...(Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {}),
    Tty: own.Tty ?? false,
    OpenStdin: own.OpenStdin ?? false,
    StdinOnce: own.StdinOnce ?? false,
    Env: [...environment, ...inherited],
    Cmd: command && command.length > 0 ? command : null,
    ...(healthcheck ? { Healthcheck: healthcheck } : {}),
    Image: own.Image ?? '',
    Volumes: Object.keys(volumes).length > 0 ? volumes : null,
    WorkingDir: own.WorkingDir || image.WorkingDir || '',
    Entrypoint: entrypoint && entrypoint.length > 0 ? entrypoint : null,
    ...(own.NetworkDisabled ? { NetworkDisabled: true } : {}),
    OnBuild: null,
    Labels: { ...image.Labels, ...own.Labels },
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
    ...(shell ? { Shell: shell } : {}),
  }
}

const nameOf = (line: string): string => line.split('=', 1)[0] ?? ''

function mergeHealthcheck(
  own: OciHealthcheck | undefined,
  image: OciHealthcheck | undefined,
): OciHealthcheck | undefined {
  if (!own || !image) return own ?? image
  const chosen = Object.fromEntries(
    Object.entries(own).filter(([, value]) => value !== 0 && value !== undefined),
  )
  return { ...image, ...chosen, ...(own.Test?.length ? {} : { Test: image.Test ?? [] }) }
}

/** HostConfig with Docker's defaults, in Docker's order of members. */
export function completeHostConfig(body: Nullable<HostConfig> | null | undefined): HostConfig {
  const own = given(body)
  const policy = own.RestartPolicy
  const privileged = own.Privileged ?? false
  const { Memory: memory = 0, MemorySwap: swap = 0 } = own
  const defaults: HostConfig & Readonly<Record<string, unknown>> = {
    Binds: null,
    ContainerIDFile: '',
    LogConfig: { Type: 'json-file', Config: {} },
    NetworkMode: 'bridge',
    PortBindings: {},
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: false,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: null,
    CapDrop: null,
    CgroupnsMode: privileged ? 'host' : 'private',
    Dns: [],
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: null,
    GroupAdd: null,
    IpcMode: 'private',
    Cgroup: '',
    Links: null,
    OomScoreAdj: 0,
    PidMode: '',
    Privileged: privileged,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    UTSMode: '',
    UsernsMode: '',
    ShmSize: defaultShmSize,
    Runtime: 'runc',
    Isolation: '',
    CpuShares: 0,
    Memory: memory,
    NanoCpus: 0,
    CgroupParent: '',
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: '',
    CpusetMems: '',
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: null,
    OomKillDisable: false,
    PidsLimit: null,
    Ulimits: [],
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    MaskedPaths: privileged ? null : maskedPaths,
    ReadonlyPaths: privileged ? null : readonlyPaths,
  }
  const merged = { ...defaults, ...own }
  return {
    ...merged,
    NetworkMode: !own.NetworkMode || own.NetworkMode === 'default' ? 'bridge' : own.NetworkMode,
    RestartPolicy: {
      Name: policy?.Name || 'no',
      MaximumRetryCount: policy?.MaximumRetryCount ?? 0,
    },
    LogConfig: {
      Type: own.LogConfig?.Type || 'json-file',
      Config: own.LogConfig?.Config ?? {},
    },
    CgroupnsMode: own.CgroupnsMode || defaults.CgroupnsMode,
    IpcMode: own.IpcMode || defaults.IpcMode,
    ShmSize: own.ShmSize || defaultShmSize,
    Runtime: own.Runtime || 'runc',
    // Docker's rule: as much swap as memory.
    MemorySwap: memory > 0 && swap === 0 ? memory * 2 : swap,
    PidsLimit: own.PidsLimit === undefined || own.PidsLimit === 0 ? null : own.PidsLimit,
  }
}
