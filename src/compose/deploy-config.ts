import type { BytesText, DurationText } from './values.ts'

type Texts = Readonly<Record<string, string>>

export interface DeployConfig {
  readonly mode?: string
  readonly replicas?: number
  readonly labels?: Texts
  readonly update_config?: UpdateConfig
  readonly rollback_config?: UpdateConfig
  readonly resources: { readonly limits?: Resource; readonly reservations?: Resource }
  readonly restart_policy?: {
    readonly condition?: string
    readonly delay?: DurationText
    readonly max_attempts?: number
    readonly window?: DurationText
  }
  readonly placement: {
    readonly constraints?: readonly string[]
    readonly preferences?: readonly { readonly spread?: string }[]
    readonly max_replicas_per_node?: number
  }
  readonly endpoint_mode?: string
}

export interface UpdateConfig {
  readonly parallelism?: number
  readonly delay?: DurationText
  readonly failure_action?: string
  readonly monitor?: DurationText
  readonly max_failure_ratio?: number
  readonly order?: string
}

export interface Resource {
  /** Of a processor: `0.5`. */
  readonly cpus?: number
  readonly memory?: BytesText
  readonly pids?: number
  readonly devices?: readonly DeviceRequest[]
  readonly generic_resources?: readonly {
    readonly discrete_resource_spec?: { readonly kind: string; readonly value: number }
  }[]
}

export interface DeviceRequest {
  readonly capabilities?: readonly string[]
  readonly driver?: string
  /** -1: all. */
  readonly count?: number
  readonly device_ids?: readonly string[]
  readonly options?: Texts
}
