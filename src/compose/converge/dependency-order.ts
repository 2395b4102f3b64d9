import type { Project } from '../project.ts'
import type { ServiceConfig } from '../service.ts'

/** Services that a service needs, within `services`. */
const needs = (
  services: Readonly<Record<string, ServiceConfig>>,
  name: string,
): readonly string[] =>
  [...Object.keys(services[name]?.depends_on ?? {}), ...implied(services[name])].filter(
    (other) => other in services,
  )

/** Those whose namespaces or volumes it shares. */
function implied(service: ServiceConfig | undefined): readonly string[] {
  if (service === undefined) return []
  const shared = [service.network_mode, service.ipc, service.pid].flatMap((mode) =>
    mode?.startsWith('service:') === true ? [mode.slice('service:'.length)] : [],
  )
  const links = [...(service.links ?? []), ...(service.volumes_from ?? [])].map(
    (text) => text.split(':')[0] ?? '',
  )
  return [...shared, ...links]
}

/**
 * Visit services, each when those it needs are done (`up`) or those that need it (`down`); what may go side by side does.
 * Settles when every visit has; rejects with the first failure, after which nothing new begins.
 */
export async function inDependencyOrder(
  { services }: Pick<Project, 'services'>,
  direction: 'up' | 'down',
  visit: (name: string, service: ServiceConfig) => Promise<void>,
): Promise<void> {
  const names = Object.keys(services)
  const before = new Map<string, readonly string[]>(
    names.map((name) => [
      name,
      direction === 'up'
        ? needs(services, name)
        : names.filter((other) => needs(services, other).includes(name)),
    ]),
  )
  const visits = new Map<string, Promise<void>>()
  const failure = new AbortController()
  const visited = (name: string): Promise<void> => {
    const known = visits.get(name)
    if (known) return known
    const begun = Promise.all((before.get(name) ?? []).map(visited)).then(async () => {
      const service = services[name]
      if (failure.signal.aborted || service === undefined) return
      try {
        await visit(name, service)
      } catch (error) {
        failure.abort(error)
      }
    })
    visits.set(name, begun)
    return begun
  }
  await Promise.all(names.map(visited))
  failure.signal.throwIfAborted()
}

/** The services named, without what they need; all of them when none is named. @throws Error for an unknown name */
export function servicesAlone(project: Project, names: readonly string[]): Project {
  if (names.length === 0) return project
  for (const name of names)
    if (!(name in project.services)) throw new Error(`no such service: ${name}`)
  return {
    ...project,
    services: Object.fromEntries(
      Object.entries(project.services).filter(([name]) => names.includes(name)),
    ),
  }
}
