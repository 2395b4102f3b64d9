import type { ContainerSummary } from '../../client/types.ts'
import type { ServiceConfig } from '../service.ts'

/**
 * Put containers' ids in the place of services whose namespaces or volumes a service shares.
 * @throws Error when there is no such container
 */
export function resolveReferences(
  service: ServiceConfig,
  observed: ReadonlyMap<string, readonly ContainerSummary[]>,
): ServiceConfig {
  const idOf = (name: string, what: string): string => {
    const [first] = observed.get(name) ?? []
    if (first) return first.Id
    throw new Error(`cannot share ${what} with service ${name}: container missing`)
  }
  const namespace = (mode: string, what: string): string =>
    mode.startsWith('service:')
      ? `container:${idOf(mode.slice('service:'.length), `${what} namespace`)}`
      : mode
  // In place, as the order of the keys is hashed.
  return Object.fromEntries(
    Object.entries(service).map(([key, value]) => {
      if (key === 'network_mode') return [key, namespace(String(value), 'network')]
      if (key === 'ipc') return [key, namespace(String(value), 'IPC')]
      if (key === 'pid') return [key, namespace(String(value), 'PID')]
      if (key !== 'volumes_from') return [key, value]
      return [key, (service.volumes_from ?? []).map((text) => volumesFrom(text, idOf))]
    }),
  ) as unknown as ServiceConfig
}

function volumesFrom(text: string, idOf: (name: string, what: string) => string): string {
  const [name = '', second = ''] = text.split(':')
  return name === 'container' ? second : idOf(name, 'volume')
}
