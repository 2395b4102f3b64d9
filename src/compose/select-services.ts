import { ComposeError } from './compose-error.ts'
import type { Project } from './project.ts'
import type { ServiceConfig } from './service.ts'

type Services = Readonly<Record<string, ServiceConfig>>

const sorted = (services: [string, ServiceConfig][]): Services =>
  Object.fromEntries(services.sort(([left], [right]) => (left < right ? -1 : 1)))

/** Services without a profile, and those of an active one; `*` is all. */
export function withProfiles(project: Project, profiles: readonly string[]): Project {
  const active = ({ profiles: own = [] }: ServiceConfig): boolean =>
    own.length === 0 || profiles.includes('*') || own.some((profile) => profiles.includes(profile))
  const all = Object.entries({ ...project.services, ...project.disabledServices })
  return {
    ...project,
    services: sorted(all.filter(([, service]) => active(service))),
    disabledServices: sorted(all.filter(([, service]) => !active(service))),
    profiles,
  }
}

/** Only what was asked for and what it needs; nothing asked for is all. Resources that none uses go. */
export function selectServices(project: Project, names: readonly string[]): Project {
  if (names.length === 0) return withoutUnused(project)
  const more = names.flatMap((name) =>
    project.services[name] ? [] : (project.disabledServices[name]?.profiles ?? []),
  )
  const enabled = withProfiles(project, [...project.profiles, ...more])
  const wanted = new Set<string>()
  const want = (name: string, required: boolean): void => {
    if (wanted.has(name)) return
    const service = enabled.services[name]
    if (!service) {
      if (required) throw new ComposeError(`no such service: ${name}`)
      return
    }
    wanted.add(name)
    for (const [other, dependency] of Object.entries(service.depends_on ?? {})) {
      want(other, dependency.required)
    }
  }
  for (const name of names) want(name, true)
  const split = Object.entries(enabled.services)
  return withoutUnused({
    ...enabled,
    services: Object.fromEntries(split.filter(([name]) => wanted.has(name))),
    disabledServices: sorted([
      ...Object.entries(enabled.disabledServices),
      ...split.filter(([name]) => !wanted.has(name)),
    ]),
  })
}

const pick = <T>(
  resources: Readonly<Record<string, T>>,
  used: readonly string[],
): Record<string, T> =>
  Object.fromEntries(Object.entries(resources).filter(([key]) => used.includes(key)))

function withoutUnused(project: Project): Project {
  const services = Object.values(project.services)
  const sources = (all: (readonly { readonly source: string }[] | undefined)[]): string[] =>
    all.flatMap((references) => (references ?? []).map(({ source }) => source))
  const keys = (all: (object | undefined)[]): string[] =>
    all.flatMap((map) => Object.keys(map ?? {}))
  const volumes = services.flatMap(({ volumes = [] }) =>
    volumes.flatMap(({ type, source }) =>
      type === 'volume' && source !== undefined ? [source] : [],
    ),
  )
  return {
    ...project,
    networks: pick(project.networks, keys(services.map(({ networks }) => networks))),
    volumes: pick(project.volumes, volumes),
    secrets: pick(
      project.secrets,
      sources(services.flatMap(({ secrets, build }) => [secrets, build?.secrets])),
    ),
    configs: pick(project.configs, sources(services.map(({ configs }) => configs))),
    models: pick(project.models, keys(services.map(({ models }) => models))),
  }
}
