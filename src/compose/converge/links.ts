import type { ContainerSummary } from '../../client/types.ts'
import type { Project } from '../project.ts'
import type { ServiceConfig } from '../service.ts'
import { nameOf, numberOf } from './observed.ts'

/** What `links` and `external_links` are for the engine: a container and a name for it (pkg/compose/convergence.go, getLinks). */
export function linksOf(
  project: Project,
  service: ServiceConfig,
  observed: ReadonlyMap<string, readonly ContainerSummary[]>,
): readonly string[] {
  const own = (service.links ?? []).flatMap((link) => {
    const [other = '', alias = other] = link.split(':')
    return (observed.get(other) ?? []).flatMap((container) => {
      const name = nameOf(container)
      const number = numberOf(container)
      return [
        `${name}:${alias}`,
        `${name}:${other}-${number}`,
        `${name}:${project.name}-${other}-${number}`,
      ]
    })
  })
  const external = (service.external_links ?? []).map((link) => {
    const [other = '', alias = other] = link.split(':')
    return `${other}:${alias}`
  })
  return [...own, ...external]
}
