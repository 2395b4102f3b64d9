import type { Digest } from '../../core/digest.ts'
import type { CompleteHostConfig } from '../../core/host-config.ts'
import type { ContainerConfig } from './config.ts'
import type { MountPoint } from '../volumes/mount-point.ts'
import type { HealthState } from '../health/health-state.ts'
import { zeroTime } from './time.ts'

export const recordSchema = 1

type ContainerStatus =
  | 'created'
  | 'running'
  | 'paused'
  | 'restarting'
  | 'removing'
  | 'exited'
  | 'dead'

export interface ContainerState {
  readonly status: ContainerStatus
  readonly pid: number
  readonly exitCode: number
  readonly oomKilled: boolean
  /** Why the last start failed; empty when it didn't. */
  readonly error: string
  /** RFC 3339 with nanoseconds; `zeroTime` before the first. */
  readonly startedAt: string
  readonly finishedAt: string
  /** Of one with a healthcheck, since its first start. */
  readonly health?: HealthState
}

/** A container in the record store, kind `container`, by its id. */
export interface ContainerRecord {
  readonly schema: typeof recordSchema
  /** 64 hex characters. */
  readonly id: string
  /** Without a slash. */
  readonly name: string
  /** RFC 3339 with nanoseconds. */
  readonly created: string
  readonly image: Digest
  readonly config: ContainerConfig
  readonly hostConfig: CompleteHostConfig
  /** Endpoint settings by network as the client gave them. */
  readonly endpoints: Readonly<Record<string, unknown>>
  /** Volumes and bind mounts, settled when it was created. */
  readonly mounts?: readonly MountPoint[]
  readonly state: ContainerState
  readonly restartCount: number
  /** A user stopped it: no policy but `always` brings it back with the engine. */
  readonly stoppedByUser: boolean
  /** Of one that is being removed: the volumes that were made for it alone go, too. */
  readonly removeVolumes?: boolean
}

/** What makes a container what it is: one of a client's, or a step of a build, which is never recorded. */
export type ContainerSetup = Pick<
  ContainerRecord,
  'id' | 'name' | 'config' | 'hostConfig' | 'endpoints' | 'mounts'
>

export const createdState: ContainerState = {
  status: 'created',
  pid: 0,
  exitCode: 0,
  oomKilled: false,
  error: '',
  startedAt: zeroTime,
  finishedAt: zeroTime,
}

/** What Docker shows for a container that was lost with its host. */
export const lostExitCode = 255

/** The program and its arguments. */
export const commandOf = (config: ContainerConfig): readonly string[] => [
  ...(config.Entrypoint ?? []),
  ...(config.Cmd ?? []),
]

export const isRunning = ({ status }: ContainerState): boolean =>
  status === 'running' || status === 'paused' || status === 'restarting'

/** A stored value of this engine's schema; undefined for any other. */
export function parseRecord(value: unknown): ContainerRecord | undefined {
  const record = value as Partial<ContainerRecord> | null | undefined
  return record?.schema === recordSchema && typeof record.id === 'string'
    ? (record as ContainerRecord)
    : undefined
}
