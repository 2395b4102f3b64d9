import type { DockerClient } from '../../client/client.ts'
import type { ContainerSummary } from '../../client/types.ts'
import { CONTAINER_NUMBER, ONEOFF, PROJECT, SERVICE } from './labels.ts'

/** Containers of a project, those of `run` included only when asked for. */
export async function observe(
  client: DockerClient,
  project: string,
  options: { readonly oneOff?: boolean; readonly all?: boolean } = {},
  signal?: AbortSignal,
): Promise<readonly ContainerSummary[]> {
  const { oneOff = false, all = true } = options
  const label = [`${PROJECT}=${project}`, ...(oneOff ? [] : [`${ONEOFF}=False`])]
  return client.containers.list({ all, filters: { label } }, signal)
}

export const serviceOf = (container: ContainerSummary): string => container.Labels?.[SERVICE] ?? ''

export const isOneOff = (container: ContainerSummary): boolean =>
  container.Labels?.[ONEOFF] === 'True'

/** 0 of what has none. */
export const numberOf = (container: ContainerSummary): number =>
  Number(container.Labels?.[CONTAINER_NUMBER] ?? 0)

export const nameOf = (container: ContainerSummary): string =>
  // A link gives a container names below its user's.
  (container.Names.find((name) => !name.slice(1).includes('/')) ?? '').replace(/^\//, '')

export const ofService = (
  containers: readonly ContainerSummary[],
  service: string,
): readonly ContainerSummary[] =>
  containers
    .filter((container) => serviceOf(container) === service && !isOneOff(container))
    .toSorted((left, right) => numberOf(left) - numberOf(right))

/**
 * The first by number, those of `run` last (pkg/compose/containers.go, getSpecifiedContainer).
 * @param index the number wanted; 0 for any
 * @throws Error when it doesn't run
 */
export async function runningContainer(
  client: DockerClient,
  project: string,
  service: string,
  index: number,
  signal: AbortSignal,
): Promise<ContainerSummary> {
  const containers = await observe(client, project, { oneOff: true, all: false }, signal)
  const [first] = containers
    .filter((container) => serviceOf(container) === service)
    .filter((container) => index <= 0 || numberOf(container) === index)
    .toSorted(
      (left, right) =>
        Number(isOneOff(left)) - Number(isOneOff(right)) || numberOf(left) - numberOf(right),
    )
  if (first) return first
  const which = index > 0 ? `running container #${index}` : 'running'
  throw new Error(`service ${JSON.stringify(service)} is not ${which}`)
}
