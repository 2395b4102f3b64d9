/** HostConfig of the Engine API v1.51 (moby api/types/container/hostconfig.go): all that asks something of the host. */

type Texts = readonly string[] | null
type TextByName = Readonly<Record<string, string>>

export interface RestartPolicy {
  readonly Name?: '' | 'no' | 'always' | 'unless-stopped' | 'on-failure'
  readonly MaximumRetryCount?: number
}

export interface PortBinding {
  readonly HostIp?: string
  readonly HostPort?: string
}

export interface MountSpec {
  readonly Type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster'
  readonly Source?: string
  readonly Target: string
  readonly ReadOnly?: boolean
  readonly Consistency?: string
  readonly BindOptions?: {
    readonly Propagation?: string
    readonly NonRecursive?: boolean
    readonly CreateMountpoint?: boolean
    readonly ReadOnlyNonRecursive?: boolean
    readonly ReadOnlyForceRecursive?: boolean
  }
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean
    readonly Labels?: TextByName
    readonly Subpath?: string
    readonly DriverConfig?: { readonly Name?: string; readonly Options?: TextByName }
  }
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number }
}

export interface Ulimit {
  readonly Name: string
  readonly Hard: number
  readonly Soft: number
}

export interface DeviceMapping {
  readonly PathOnHost?: string
  readonly PathInContainer?: string
  readonly CgroupPermissions?: string
}

export interface DeviceRequest {
  readonly Driver?: string
  readonly Count?: number
  readonly DeviceIDs?: Texts
  readonly Capabilities?: readonly (readonly string[])[] | null
  readonly Options?: TextByName | null
}

/** The part that `update` may change. Bytes, and the kernel's units for processors. */
export interface Resources {
  readonly CpuShares?: number
  readonly Memory?: number
  /** Billionths of a processor. */
  readonly NanoCpus?: number
  readonly CpuPeriod?: number
  readonly CpuQuota?: number
  readonly MemoryReservation?: number
  /** Memory and swap together; -1: no limit. */
  readonly MemorySwap?: number
  /** null, 0 and -1: no limit. */
  readonly PidsLimit?: number | null
  readonly Ulimits?: readonly Ulimit[] | null
}

/** What a client may send. Null is as good as absent. */
export interface HostConfig extends Resources {
  readonly Binds?: Texts
  readonly ContainerIDFile?: string
  readonly LogConfig?: { readonly Type?: string; readonly Config?: TextByName | null }
  readonly NetworkMode?: string
  readonly PortBindings?: Readonly<Record<string, readonly PortBinding[] | null>> | null
  readonly RestartPolicy?: RestartPolicy
  readonly AutoRemove?: boolean
  readonly VolumeDriver?: string
  readonly VolumesFrom?: Texts
  readonly Mounts?: readonly MountSpec[] | null
  readonly ConsoleSize?: readonly [rows: number, columns: number]
  readonly Annotations?: TextByName
  readonly CapAdd?: Texts
  readonly CapDrop?: Texts
  readonly CgroupnsMode?: string
  readonly Dns?: Texts
  readonly DnsOptions?: Texts
  readonly DnsSearch?: Texts
  readonly ExtraHosts?: Texts
  readonly GroupAdd?: Texts
  readonly IpcMode?: string
  readonly Cgroup?: string
  readonly Links?: Texts
  readonly OomScoreAdj?: number
  readonly PidMode?: string
  readonly Privileged?: boolean
  readonly PublishAllPorts?: boolean
  readonly ReadonlyRootfs?: boolean
  readonly SecurityOpt?: Texts
  readonly StorageOpt?: TextByName | null
  readonly Tmpfs?: TextByName | null
  readonly UTSMode?: string
  readonly UsernsMode?: string
  readonly ShmSize?: number
  readonly Sysctls?: TextByName | null
  readonly Runtime?: string
  readonly Isolation?: string
  readonly CgroupParent?: string
  readonly BlkioWeight?: number
  readonly CpuRealtimePeriod?: number
  readonly CpuRealtimeRuntime?: number
  readonly CpusetCpus?: string
  readonly CpusetMems?: string
  readonly Devices?: readonly DeviceMapping[] | null
  readonly DeviceCgroupRules?: Texts
  readonly DeviceRequests?: readonly DeviceRequest[] | null
  readonly MemorySwappiness?: number | null
  readonly OomKillDisable?: boolean | null
  readonly MaskedPaths?: Texts
  readonly ReadonlyPaths?: Texts
  readonly Init?: boolean | null
}

type With<T, K extends keyof T> = T & { readonly [M in K]-?: NonNullable<T[M]> }

export type CompleteRestartPolicy = With<RestartPolicy, 'Name' | 'MaximumRetryCount'>

export type CompleteResources = With<
  Resources,
  | 'CpuShares'
  | 'Memory'
  | 'NanoCpus'
  | 'CpuPeriod'
  | 'CpuQuota'
  | 'MemoryReservation'
  | 'MemorySwap'
> & { readonly PidsLimit: number | null }

/** As it is kept and shown: Docker's defaults where the client gave nothing. */
export type CompleteHostConfig = With<
  HostConfig,
  | 'NetworkMode'
  | 'PortBindings'
  | 'AutoRemove'
  | 'ConsoleSize'
  | 'CgroupnsMode'
  | 'Dns'
  | 'DnsOptions'
  | 'DnsSearch'
  | 'IpcMode'
  | 'OomScoreAdj'
  | 'PidMode'
  | 'Privileged'
  | 'PublishAllPorts'
  | 'ReadonlyRootfs'
  | 'UTSMode'
  | 'ShmSize'
  | 'Runtime'
  | 'Devices'
> &
  CompleteResources & {
    readonly RestartPolicy: CompleteRestartPolicy
    readonly LogConfig: { readonly Type: string; readonly Config: TextByName }
  }
