/** Answers of the Engine API that only clients name, as far as they read them. What is optional may be absent or null. */
import type { ContainerConfig, EndpointSettings, ImageSummary, Labels } from '../core/engine-api.ts'
import type { HostConfig, PortBinding } from '../core/host-config.ts'

interface Mount {
  readonly Type: string
  readonly Name?: string
  readonly Source: string
  readonly Destination: string
  readonly RW?: boolean
}

export interface Port {
  readonly IP?: string
  readonly PrivatePort: number
  readonly PublicPort?: number
  readonly Type: string
}

export interface ContainerSummary {
  readonly Id: string
  readonly Names: readonly string[]
  readonly Image: string
  readonly ImageID: string
  readonly Command: string
  /** Seconds since 1970. */
  readonly Created: number
  readonly Ports: readonly Port[] | null
  readonly Labels: Labels | null
  readonly State: string
  readonly Status: string
  readonly SizeRw?: number
  readonly SizeRootFs?: number
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, { readonly NetworkID: string }>> | null
  }
  readonly Mounts?: readonly Mount[] | null
  readonly ImageManifestDescriptor?: { readonly platform?: object } | null
}

export interface ContainerInspect {
  readonly Id: string
  readonly Name: string
  readonly State: {
    readonly Status: string
    readonly Running: boolean
    readonly Paused: boolean
    readonly Restarting: boolean
    readonly ExitCode: number
    readonly Error: string
    /** Of what has a healthcheck. */
    readonly Health?: { readonly Status: string } | null
  }
  readonly Config: ContainerConfig
  readonly HostConfig: HostConfig
  readonly NetworkSettings?: {
    readonly Ports?: Readonly<Record<string, readonly PortBinding[] | null>> | null
    readonly Networks?: Readonly<Record<string, EndpointSettings>> | null
  }
}

export interface ContainerCreated {
  readonly Id: string
  readonly Warnings?: readonly string[] | null
}

export interface WaitResult {
  readonly StatusCode: number
  readonly Error?: { readonly Message: string } | null
}

export interface TopResult {
  readonly Titles: readonly string[]
  readonly Processes: readonly (readonly string[])[] | null
}

export interface ExecInspect {
  readonly ID: string
  readonly Running: boolean
  readonly ExitCode: number | null
}

/** One sample of `stats`. */
export interface Stats {
  readonly id?: string
  readonly name?: string
  readonly cpu_stats: CpuStats
  readonly precpu_stats: CpuStats
  readonly memory_stats: {
    readonly usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>>
  }
  readonly networks?: Readonly<
    Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>
  >
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?:
      | readonly { readonly op: string; readonly value: number }[]
      | null
  }
  readonly pids_stats?: { readonly current?: number }
}

interface CpuStats {
  readonly cpu_usage: {
    readonly total_usage: number
    readonly percpu_usage?: readonly number[] | null
  }
  readonly system_cpu_usage?: number
  readonly online_cpus?: number
}

export interface Volume {
  readonly Name: string
  readonly Driver: string
  readonly Mountpoint: string
  readonly Scope: string
  readonly Labels: Labels | null
  readonly UsageData?: { readonly RefCount: number; readonly Size: number } | null
}

export interface BuildCacheRecord {
  readonly ID: string
  readonly Type: string
  readonly InUse: boolean
  readonly Shared: boolean
  readonly Size: number
  readonly CreatedAt: string
  readonly LastUsedAt?: string | null
  readonly UsageCount: number
}

export interface DiskUsage {
  readonly LayersSize: number
  readonly Images: readonly ImageSummary[] | null
  readonly Containers: readonly ContainerSummary[] | null
  readonly Volumes: readonly Volume[] | null
  readonly BuildCache: readonly BuildCacheRecord[] | null
}

export interface PruneReport {
  readonly ContainersDeleted?: readonly string[] | null
  readonly ImagesDeleted?:
    | readonly { readonly Untagged?: string; readonly Deleted?: string }[]
    | null
  readonly NetworksDeleted?: readonly string[] | null
  readonly VolumesDeleted?: readonly string[] | null
  readonly CachesDeleted?: readonly string[] | null
  readonly SpaceReclaimed?: number
}

/** `/info`: as many fields as the engine has. */
export type Info = Readonly<Record<string, unknown>>
