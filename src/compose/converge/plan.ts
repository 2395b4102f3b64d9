import type { ContainerSummary } from '../../client/types.ts'
import type { ServiceConfig } from '../service.ts'
import { CONFIG_HASH, IMAGE } from './labels.ts'
import { numberOf } from './observed.ts'

/** When a container is made anew: when it differs from its file, always, or never. */
export type RecreatePolicy = 'diverged' | 'force' | 'never'

/** What a service should be. */
export interface Wanted {
  readonly service: ServiceConfig
  readonly hash: string
  /** Id of the image's configuration. */
  readonly image: string
  readonly scale: number
  /** Ids of networks, and names of volumes, by the project's keys. */
  readonly networks: ReadonlyMap<string, string>
  readonly volumes: ReadonlyMap<string, string>
}

export interface ServicePlan {
  readonly keep: readonly ContainerSummary[]
  readonly recreate: readonly ContainerSummary[]
  readonly remove: readonly ContainerSummary[]
  /** Numbers of the containers to create. */
  readonly create: readonly number[]
}

/** What is to be done so that a service is as its file says (pkg/compose/convergence.go, ensureService). */
export function planService(
  wanted: Wanted,
  observed: readonly ContainerSummary[],
  policy: RecreatePolicy,
): ServicePlan {
  const diverged = (container: ContainerSummary): boolean =>
    policy === 'force' || (policy === 'diverged' && differs(wanted, container))
  // What is as it should be comes first, the lowest number first: the rest goes when there are too many.
  const sorted = observed.toSorted(
    (left, right) =>
      Number(diverged(left)) - Number(diverged(right)) || numberOf(left) - numberOf(right),
  )
  const kept = sorted.slice(0, wanted.scale)
  const next = Math.max(0, ...observed.map(numberOf)) + 1
  return {
    keep: kept.filter((container) => !diverged(container)),
    recreate: kept.filter(diverged),
    remove: sorted.slice(wanted.scale),
    create: Array.from(
      { length: Math.max(0, wanted.scale - observed.length) },
      (_, index) => next + index,
    ),
  }
}

function differs(wanted: Wanted, container: ContainerSummary): boolean {
  const labels = container.Labels ?? {}
  if (labels[CONFIG_HASH] !== wanted.hash || (labels[IMAGE] ?? '') !== wanted.image) return true
  return (
    (container.State === 'running' && lacksNetwork(wanted, container)) ||
    lacksVolume(wanted, container)
  )
}

function lacksNetwork({ service, networks }: Wanted, container: ContainerSummary): boolean {
  const connected = new Set(
    Object.values(container.NetworkSettings?.Networks ?? {}).map((endpoint) => endpoint.NetworkID),
  )
  return Object.keys(service.networks ?? {}).some((key) => !connected.has(networks.get(key) ?? ''))
}

function lacksVolume({ service, volumes }: Wanted, container: ContainerSummary): boolean {
  const mounted = new Set(
    container.Mounts?.filter(({ Type }) => Type === 'volume').map(({ Name }) => Name),
  )
  return (service.volumes ?? []).some(
    ({ type, source }) =>
      type === 'volume' && source !== undefined && !mounted.has(volumes.get(source)),
  )
}

/** @throws Error when one name is asked to serve several containers */
export function scaleOf(name: string, service: ServiceConfig): number {
  const scale = service.scale ?? service.deploy?.replicas ?? 1
  if (scale > 1 && service.container_name !== undefined) {
    throw new Error(
      `WARNING: The "${name}" service is using the custom container name "${service.container_name}". Docker requires each container to have a unique name. Remove the custom name to scale the service`,
    )
  }
  return scale
}

export const containerName = (
  project: string,
  name: string,
  service: ServiceConfig,
  number: number,
): string => service.container_name ?? `${project}-${name}-${number}`
