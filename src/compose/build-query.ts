import type { Query } from '../client/api-client.ts'
import { cacheImage } from '../kit/build/cache-image.ts'
import { ExitError } from '../kit/command.ts'
import type { BuildConfig } from './build-config.ts'
import { COMPOSE_VERSION, PROJECT, SERVICE, VERSION } from './converge/labels.ts'
import { ulimitOf } from './converge/resources.ts'
import { imageName } from './image-name.ts'
import type { Project } from './project.ts'
import type { ServiceConfig } from './service.ts'

export interface BuildOptions {
  /** `--build-arg`, by name; null takes the value from the environment. */
  readonly args: NonNullable<BuildConfig['args']>
  readonly noCache: boolean
  readonly pull: boolean
}

const SERVICE_PREFIX = 'service:'
const IMAGE_PREFIX = 'docker-image://'

/** Services whose images this one's build begins with. */
export const neededBuilds = ({ additional_contexts = {} }: BuildConfig): readonly string[] =>
  Object.values(additional_contexts).flatMap((source) =>
    source.startsWith(SERVICE_PREFIX) ? [source.slice(SERVICE_PREFIX.length)] : [],
  )

/** Named contexts: directories here, images there. @throws ExitError for those that are neither */
export function contextsOf(
  project: Project,
  { additional_contexts = {} }: BuildConfig,
): {
  readonly local: ReadonlyMap<string, string>
  readonly remote: Readonly<Record<string, string>>
} {
  const local = new Map<string, string>()
  const remote: Record<string, string> = {}
  for (const [name, source] of Object.entries(additional_contexts)) {
    if (source.startsWith(SERVICE_PREFIX)) {
      const other = source.slice(SERVICE_PREFIX.length)
      const service = project.services[other] ?? project.disabledServices[other]
      remote[name] = IMAGE_PREFIX + imageName(project, other, service ?? {})
    } else if (source.startsWith(IMAGE_PREFIX)) remote[name] = source
    else if (/^[a-z-]+:\/\//.test(source))
      throw new ExitError(1, `Drydock can not fetch the context ${source}`)
    else local.set(name, source)
  }
  return { local, remote }
}

/** The parameters of POST /build (pkg/compose/build.go, toBuildOptions). */
export function buildQuery(
  project: Project,
  name: string,
  service: ServiceConfig,
  build: BuildConfig,
  options: BuildOptions,
): Query {
  const json = (value: object): string | undefined =>
    Object.keys(value).length === 0 ? undefined : JSON.stringify(value)
  const [platform = service.platform, ...more] = build.platforms ?? []
  if (more.length > 0)
    throw new ExitError(1, 'Multi-platform build is not supported for the docker driver.')
  const labels = {
    ...build.labels,
    [VERSION]: COMPOSE_VERSION,
    [PROJECT]: project.name,
    [SERVICE]: name,
  }
  return {
    t: [imageName(project, name, service), ...(build.tags ?? [])],
    buildargs: json(argumentsOf(project, { ...build.args, ...options.args })),
    labels: json(labels),
    contexts: json(contextsOf(project, build).remote),
    cachefrom: json((build.cache_from ?? []).map(cacheImage)),
    extrahosts: (build.extra_hosts ?? []).map((entry) => entry.replace('=', ':')),
    nocache: build.no_cache === true || options.noCache,
    pull: build.pull === true || options.pull,
    target: build.target,
    platform,
    networkmode: build.network,
    shmsize: build.shm_size,
    ulimits: json(Object.entries(build.ulimits ?? {}).map(ulimitOf)),
    rm: true,
    version: '1',
  }
}

/** A name alone takes the project's value, or goes. */
function argumentsOf(
  { environment }: Project,
  given: NonNullable<BuildConfig['args']>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, text]): [string, string][] => {
      const value = text ?? environment[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
