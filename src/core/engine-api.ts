/** JSON shapes of the Engine API v1.51 (moby docs/api/v1.51.yaml), shared by the engine and its clients. */
import type { Digest } from './digest.ts'
import type { HostConfig } from './host-config.ts'
import type { OciContainerDefaults, OciHealthcheck } from './oci.ts'

export const API_VERSION = '1.51'
export const MIN_API_VERSION = '1.24'

export type Labels = Readonly<Record<string, string>>

export interface ErrorResponse {
  readonly message: string
}

export interface EventMessage {
  /** The older form of Action, Actor.ID and the image, of containers and images only. */
  readonly status?: string
  readonly id?: string
  readonly from?: string
  readonly Type: EventType
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Labels }
  readonly scope: 'local'
  /** Seconds since 1970. */
  readonly time: number
  /** Nanoseconds; a double holds it to a quarter of a microsecond. */
  readonly timeNano: number
}

export type EventType = 'builder' | 'container' | 'daemon' | 'image' | 'network' | 'volume'

export interface ImageSummary {
  readonly Containers: number
  /** Seconds since 1970. */
  readonly Created: number
  readonly Id: Digest
  readonly Labels: Labels | null
  readonly ParentId: string
  readonly RepoDigests: readonly string[]
  readonly RepoTags: readonly string[]
  readonly SharedSize: number
  readonly Size: number
}

export interface ImageInspect {
  readonly Id: Digest
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  readonly Parent: string
  readonly Comment: string
  readonly Created: string
  readonly DockerVersion: string
  readonly Author: string
  readonly Config: OciContainerDefaults
  readonly Architecture: string
  readonly Variant?: string
  readonly Os: string
  readonly Size: number
  readonly GraphDriver: { readonly Data: Labels | null; readonly Name: string }
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly Digest[] }
  readonly Metadata: { readonly LastTagTime: string }
}

export interface ImageHistoryItem {
  readonly Comment: string
  /** Seconds since 1970. */
  readonly Created: number
  readonly CreatedBy: string
  readonly Id: string
  readonly Size: number
  readonly Tags: readonly string[] | null
}

export type ImageDeleteItem = { readonly Untagged: string } | { readonly Deleted: string }

/** One line of a pull, push, load or build. */
export interface ProgressMessage {
  readonly status?: string
  readonly stream?: string
  readonly id?: string
  readonly progress?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly error?: string
  readonly errorDetail?: { readonly code?: number; readonly message: string }
  readonly aux?: unknown
}

export interface SystemVersion {
  readonly Platform: { readonly Name: string }
  readonly Components: readonly {
    readonly Name: string
    readonly Version: string
    readonly Details: Labels
  }[]
  readonly Version: string
  readonly ApiVersion: string
  readonly MinAPIVersion: string
  readonly GitCommit: string
  readonly GoVersion: string
  readonly Os: string
  readonly Arch: string
  readonly KernelVersion: string
  readonly BuildTime: string
}

export interface ContainerConfig {
  readonly Hostname?: string
  readonly Domainname?: string
  readonly User?: string
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  readonly ExposedPorts?: Readonly<Record<string, object>> | null
  readonly Tty?: boolean
  readonly OpenStdin?: boolean
  readonly StdinOnce?: boolean
  readonly Env?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Healthcheck?: OciHealthcheck
  readonly ArgsEscaped?: boolean
  readonly Image?: string
  readonly Volumes?: Readonly<Record<string, object>> | null
  readonly WorkingDir?: string
  readonly Entrypoint?: readonly string[] | null
  readonly NetworkDisabled?: boolean
  readonly MacAddress?: string
  readonly OnBuild?: readonly string[] | null
  readonly Labels?: Labels | null
  readonly StopSignal?: string
  readonly StopTimeout?: number | null
  readonly Shell?: readonly string[]
}

export interface EndpointSettings {
  readonly IPAMConfig: {
    readonly IPv4Address?: string
    readonly IPv6Address?: string
    readonly LinkLocalIPs?: readonly string[]
  } | null
  readonly Links: readonly string[] | null
  readonly Aliases: readonly string[] | null
  readonly MacAddress: string
  readonly DriverOpts: Labels | null
  readonly GwPriority: number
  readonly NetworkID: string
  readonly EndpointID: string
  readonly Gateway: string
  readonly IPAddress: string
  readonly IPPrefixLen: number
  readonly IPv6Gateway: string
  readonly GlobalIPv6Address: string
  readonly GlobalIPv6PrefixLen: number
  readonly DNSNames: readonly string[] | null
}

export interface ContainerCreateRequest extends ContainerConfig {
  readonly HostConfig?: HostConfig
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, Partial<EndpointSettings> | null>> | null
  }
}

export interface NetworkResource {
  readonly Name: string
  readonly Id: string
  readonly Created: string
  readonly Scope: 'local'
  readonly Driver: string
  readonly EnableIPv4: boolean
  readonly EnableIPv6: boolean
  readonly IPAM: {
    readonly Driver: string
    readonly Options: Labels | null
    readonly Config: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null
  }
  readonly Internal: boolean
  readonly Attachable: boolean
  readonly Ingress: boolean
  readonly ConfigFrom: { readonly Network: string }
  readonly ConfigOnly: boolean
  readonly Containers: Readonly<
    Record<
      string,
      {
        readonly Name: string
        readonly EndpointID: string
        readonly MacAddress: string
        readonly IPv4Address: string
        readonly IPv6Address: string
      }
    >
  >
  readonly Options: Labels
  readonly Labels: Labels
}
