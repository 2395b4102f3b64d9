import type { BuildConfig, ExtraHosts, FileReference, Ulimit } from './build-config.ts'
import type { DeployConfig, DeviceRequest } from './deploy-config.ts'
import type { BytesText, DurationText, Environment } from './values.ts'

type Texts = Readonly<Record<string, string>>

/** A service in canonical form: long syntax, absolute paths, defaults set. Absent: not set, or zero. */
export interface ServiceConfig {
  readonly profiles?: readonly string[]
  readonly annotations?: Texts
  readonly attach?: boolean
  readonly build?: BuildConfig
  readonly develop?: { readonly watch?: readonly WatchTrigger[] }
  readonly blkio_config?: BlkioConfig
  readonly cap_add?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly cgroup_parent?: string
  readonly cgroup?: string
  readonly cpu_count?: number
  readonly cpu_percent?: number
  readonly cpu_period?: number
  readonly cpu_quota?: number
  readonly cpu_rt_period?: number
  readonly cpu_rt_runtime?: number
  readonly cpus?: number
  readonly cpuset?: string
  readonly cpu_shares?: number
  /** Null: the image's. */
  readonly command: readonly string[] | null
  readonly configs?: readonly FileReference[]
  readonly container_name?: string
  readonly credential_spec?: {
    readonly config?: string
    readonly file?: string
    readonly registry?: string
  }
  readonly depends_on?: Readonly<Record<string, ServiceDependency>>
  readonly deploy?: DeployConfig
  readonly device_cgroup_rules?: readonly string[]
  readonly devices?: readonly {
    readonly source?: string
    readonly target?: string
    readonly permissions?: string
  }[]
  readonly dns?: readonly string[]
  readonly dns_opt?: readonly string[]
  readonly dns_search?: readonly string[]
  readonly domainname?: string
  /** Null: the image's. */
  readonly entrypoint: readonly string[] | null
  readonly provider?: {
    readonly type?: string
    readonly options?: Readonly<Record<string, readonly string[]>>
  }
  readonly environment?: Environment
  /** Only where they were not resolved into `environment`. */
  readonly env_file?: readonly EnvFile[]
  readonly expose?: readonly string[]
  readonly extends?: { readonly file?: string; readonly service?: string }
  readonly external_links?: readonly string[]
  readonly extra_hosts?: ExtraHosts
  readonly group_add?: readonly string[]
  readonly gpus?: readonly DeviceRequest[]
  readonly hostname?: string
  readonly healthcheck?: HealthcheckConfig
  readonly image?: string
  readonly init?: boolean
  readonly ipc?: string
  readonly isolation?: string
  readonly labels?: Texts
  readonly label_file?: readonly string[]
  readonly links?: readonly string[]
  readonly logging?: { readonly driver?: string; readonly options?: Texts }
  readonly mem_limit?: BytesText
  readonly mem_reservation?: BytesText
  /** `-1`: no limit. */
  readonly memswap_limit?: BytesText
  readonly mem_swappiness?: BytesText
  readonly mac_address?: string
  readonly models?: Readonly<
    Record<string, { readonly endpoint_var?: string; readonly model_var?: string } | null>
  >
  readonly network_mode?: string
  /** By the project's key; null has no settings of its own. */
  readonly networks?: Readonly<Record<string, ServiceNetwork | null>>
  readonly oom_kill_disable?: boolean
  readonly oom_score_adj?: number
  readonly pid?: string
  readonly pids_limit?: number
  readonly platform?: string
  readonly ports?: readonly ServicePort[]
  readonly privileged?: boolean
  readonly pull_policy?: string
  readonly read_only?: boolean
  readonly restart?: string
  readonly runtime?: string
  readonly scale?: number
  readonly secrets?: readonly FileReference[]
  readonly security_opt?: readonly string[]
  readonly shm_size?: BytesText
  readonly stdin_open?: boolean
  readonly stop_grace_period?: DurationText
  readonly stop_signal?: string
  readonly storage_opt?: Texts
  readonly sysctls?: Texts
  readonly tmpfs?: readonly string[]
  readonly tty?: boolean
  readonly ulimits?: Readonly<Record<string, Ulimit>>
  readonly use_api_socket?: boolean
  readonly user?: string
  readonly userns_mode?: string
  readonly uts?: string
  readonly volumes?: readonly ServiceVolume[]
  readonly volumes_from?: readonly string[]
  readonly working_dir?: string
  readonly post_start?: readonly ServiceHook[]
  readonly pre_stop?: readonly ServiceHook[]
}

export interface ServiceDependency {
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully'
  readonly restart?: boolean
  readonly required: boolean
}

export type EnvFile =
  | string
  | { readonly path: string; readonly required: boolean; readonly format?: string }

export interface HealthcheckConfig {
  /** Begins with `CMD`, `CMD-SHELL` or `NONE`. */
  readonly test?: readonly string[]
  readonly timeout?: DurationText
  readonly interval?: DurationText
  readonly retries?: number
  readonly start_period?: DurationText
  readonly start_interval?: DurationText
  readonly disable?: boolean
}

export interface ServiceNetwork {
  readonly aliases?: readonly string[]
  readonly driver_opts?: Texts
  readonly gw_priority?: number
  readonly interface_name?: string
  readonly ipv4_address?: string
  readonly ipv6_address?: string
  readonly link_local_ips?: readonly string[]
  readonly mac_address?: string
  readonly priority?: number
}

export interface ServicePort {
  readonly name?: string
  readonly mode?: string
  readonly host_ip?: string
  readonly target: number
  /** A port or a range; absent: the engine chooses. */
  readonly published?: string
  readonly protocol?: string
  readonly app_protocol?: string
}

export interface ServiceVolume {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image'
  /** An absolute path, or the project's key of a volume; absent: anonymous. */
  readonly source?: string
  readonly target: string
  readonly read_only?: boolean
  readonly consistency?: string
  readonly bind?: {
    readonly selinux?: string
    readonly propagation?: string
    readonly create_host_path?: boolean
    readonly recursive?: string
  }
  readonly volume?: {
    readonly labels?: Texts
    readonly nocopy?: boolean
    readonly subpath?: string
  }
  readonly tmpfs?: { readonly size?: BytesText; readonly mode?: number }
  readonly image?: { readonly subpath?: string }
}

export interface ServiceHook {
  readonly command: readonly string[] | null
  readonly user?: string
  readonly privileged?: boolean
  readonly working_dir?: string
  readonly environment?: Environment
}

export interface WatchTrigger {
  /** Absolute. */
  readonly path: string
  readonly action: 'sync' | 'rebuild' | 'restart' | 'sync+restart' | 'sync+exec'
  readonly target?: string
  readonly exec: ServiceHook
  readonly include?: readonly string[]
  readonly ignore?: readonly string[]
  readonly initial_sync?: boolean
}

interface ThrottleDevice {
  readonly Path: string
  readonly Rate: BytesText
}

export interface BlkioConfig {
  readonly weight?: number
  readonly weight_device?: readonly { readonly Path: string; readonly Weight: number }[]
  readonly device_read_bps?: readonly ThrottleDevice[]
  readonly device_read_iops?: readonly ThrottleDevice[]
  readonly device_write_bps?: readonly ThrottleDevice[]
  readonly device_write_iops?: readonly ThrottleDevice[]
}
