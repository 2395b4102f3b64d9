import { ComposeError } from './compose-error.ts'
import type { ModelContext } from './model-context.ts'
import { parseEnv } from './parse-env.ts'
import type { Project } from './project.ts'
import type { ServiceConfig } from './service.ts'

type Files = Pick<ModelContext, 'readFile' | 'warn'>

async function eachService(
  project: Project,
  map: (service: ServiceConfig) => Promise<ServiceConfig>,
): Promise<Project> {
  const services: Record<string, ServiceConfig> = {}
  for (const [name, service] of Object.entries(project.services))
    services[name] = await map(service)
  return { ...project, services }
}

const sorted = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(
    Object.entries(record).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)),
  )

/** Services with what their env files set, below what they set themselves. */
export const resolveEnvironment = async (project: Project, files: Files): Promise<Project> =>
  eachService(project, async ({ env_file: paths, ...service }) => {
    const own = Object.fromEntries(
      Object.entries(service.environment ?? {}).map(([key, value]) => [
        key,
        value ?? project.environment[key] ?? null,
      ]),
    )
    const variables = new Map<string, string>()
    for (const [key, value] of Object.entries(own)) if (value !== null) variables.set(key, value)
    for (const entry of paths ?? []) {
      const {
        path,
        required,
        format = '',
      } = typeof entry === 'string' ? { path: entry, required: true } : entry
      const text = await files.readFile(path)
      if (text === undefined) {
        if (!required) continue
        throw new ComposeError(
          `env file ${path} not found: stat ${path}: no such file or directory`,
        )
      }
      if (format === 'raw') rawVariables(text, variables)
      else if (format === '') {
        const lookup = (name: string): string | undefined =>
          project.environment[name] ?? own[name] ?? undefined
        within(path, () => parseEnv(text, variables, lookup, files.warn))
      } else throw new ComposeError(`unsupported env_file format "${format}"`)
    }
    const environment = sorted({ ...Object.fromEntries(variables), ...own })
    return Object.keys(environment).length === 0 ? service : { ...service, environment }
  })

/** Services with the labels of their label files, below their own. */
export const resolveLabels = async (project: Project, files: Files): Promise<Project> =>
  eachService(project, async ({ label_file: paths, ...service }) => {
    if (!paths) return service
    const labels = new Map<string, string>()
    for (const path of paths) {
      const text = await files.readFile(path)
      if (text === undefined)
        throw new ComposeError(
          `label file ${path} not found: stat ${path}: no such file or directory`,
        )
      within(path, () => parseEnv(text, labels, (name) => labels.get(name), files.warn))
    }
    return { ...service, labels: sorted({ ...Object.fromEntries(labels), ...service.labels }) }
  })

function within(path: string, parse: () => void): void {
  try {
    parse()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ComposeError(`failed to read ${path}: ${reason}`, { cause: error })
  }
}

/** Lines of `KEY=VALUE`, taken as they are. */
function rawVariables(text: string, into: Map<string, string>): void {
  for (const line of text.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0 && !line.startsWith('#')) into.set(line.slice(0, at), line.slice(at + 1))
  }
}
