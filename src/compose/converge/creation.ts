import type { ContainerSummary } from '../../client/types.ts'
import type { Labels } from '../../core/engine-api.ts'
import type { Project } from '../project.ts'
import type { ServiceConfig } from '../service.ts'

/** What becomes a container. */
export interface Creation {
  readonly project: Project
  readonly name: string
  /** With references to other services resolved to containers. */
  readonly service: ServiceConfig
  readonly hash: string
  /** Id of the image's configuration. */
  readonly image: string
  /** 0: of `run`, without a number. */
  readonly number: number
  readonly containerName: string
  readonly links: readonly string[]
  /** The container that this one replaces: its anonymous volumes go on. */
  readonly inherit?: { readonly from: ContainerSummary; readonly imageVolumes: readonly string[] }
  readonly labels?: Labels
  readonly attachStdin?: boolean
  readonly autoRemove?: boolean
  /** Whether the service's name and aliases lead to it. */
  readonly aliases?: boolean
}
