import { buildImage } from '../kit/build/build-image.ts'
import { checkSyntax } from '../kit/build/check-syntax.ts'
import type { BundleParts } from '../kit/build/context.ts'
import { findInputs, inlineInputs, type BuildInputs } from '../kit/build/inputs.ts'
import { ExitError, type Invocation } from '../kit/command.ts'
import { pathFrom } from '../kit/paths.ts'
import type { CliHost } from '../ports/cli-host.ts'
import type { BuildConfig } from './build-config.ts'
import { buildQuery, contextsOf, neededBuilds, type BuildOptions } from './build-query.ts'
import type { Session } from './converge/session.ts'
import type { Project } from './project.ts'
import type { ServiceConfig } from './service.ts'

export interface BuildDisplay {
  readonly quiet: boolean
  /** `--progress` of `docker build`. */
  readonly progress: string
}

/** Build services' images, one after the other, each when those that it begins with are built. */
export async function buildServices(
  invocation: Invocation,
  { progress }: Session,
  project: Project,
  names: readonly string[],
  options: BuildOptions,
  display: BuildDisplay,
): Promise<void> {
  for (const name of inBuildOrder(project, names)) {
    const service = serviceOf(project, name)
    if (!service?.build) continue
    const { build } = service
    await progress.aside(() =>
      buildService(invocation, project, { name, service, build }, options, display),
    )
    progress.event(name, 'done', 'Built')
  }
}

const serviceOf = (project: Project, name: string): ServiceConfig | undefined =>
  project.services[name] ?? project.disabledServices[name]

/** @throws Error where services' builds begin with each other's */
function inBuildOrder(project: Project, names: readonly string[]): readonly string[] {
  const ordered = new Set<string>()
  const open = new Set<string>()
  const visit = (name: string): void => {
    if (ordered.has(name)) return
    if (open.has(name)) throw new Error(`cycle found: the build of ${name} begins with itself`)
    open.add(name)
    for (const other of neededBuilds(serviceOf(project, name)?.build ?? {})) visit(other)
    ordered.add(name)
  }
  for (const name of names) visit(name)
  return [...ordered]
}

async function buildService(
  invocation: Invocation,
  project: Project,
  {
    name,
    service,
    build,
  }: { readonly name: string; readonly service: ServiceConfig; readonly build: BuildConfig },
  options: BuildOptions,
  display: BuildDisplay,
): Promise<void> {
  refuse(build)
  const { host } = invocation
  const inputs = await inputsOf(host, project, build)
  checkSyntax(inputs)
  const query = buildQuery(project, name, service, build, options)
  const parts: BundleParts = {
    contexts: contextsOf(project, build).local,
    secrets: await secretsOf(host, project, build),
  }
  const { failure } = await buildImage(invocation, {
    ...display,
    inputs,
    parts,
    query: ({ dockerfile, bundle, listing }) => ({ ...query, dockerfile, bundle, listing }),
  })
  if (failure !== undefined) throw new ExitError(1, failure)
}

/** What needs what Drydock doesn't have. */
function refuse({ ssh = [], entitlements = [], privileged, cache_to = [] }: BuildConfig): void {
  if (ssh.length > 0) throw new ExitError(1, 'Drydock has no SSH agent for build.ssh')
  if (entitlements.length > 0 || privileged === true)
    throw new ExitError(1, 'Drydock can not allow a build more than others')
  if (cache_to.length > 0) throw new ExitError(1, 'Drydock can not export its build cache')
}

function inputsOf(
  host: CliHost,
  { workingDirectory }: Project,
  { context = workingDirectory, dockerfile, dockerfile_inline: inline }: BuildConfig,
): Promise<BuildInputs> {
  if (inline !== undefined) return inlineInputs(host, context, inline)
  const file = dockerfile === undefined ? undefined : pathFrom({ cwd: context }, dockerfile)
  return findInputs(host, context, file)
}

async function secretsOf(
  host: CliHost,
  project: Project,
  { secrets = [] }: BuildConfig,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  for (const { source, target = source } of secrets) {
    const { file, environment } = project.secrets[source] ?? {}
    if (file !== undefined) {
      const bytes = await new Response(host.files.read(file)).arrayBuffer()
      found.set(target, new Uint8Array(bytes))
    } else if (environment !== undefined) {
      const value = project.environment[environment]
      if (value !== undefined) found.set(target, new TextEncoder().encode(value))
    } else {
      throw new Error(
        `build.secrets only supports environment or file-based secrets: ${JSON.stringify(source)}`,
      )
    }
  }
  return found
}
