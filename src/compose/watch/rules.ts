import { IgnorePatterns, readIgnoreFile } from '../../codec/dockerfile/ignore.ts'
import { ignoreOf } from '../../kit/build/inputs.ts'
import type { CliFiles } from '../../ports/cli-host.ts'
import type { Project } from '../project.ts'
import type { ServiceConfig, WatchTrigger } from '../service.ts'

/** What is done in a service when a file below a path changes. */
export interface WatchRule {
  readonly service: string
  readonly trigger: WatchTrigger
  /** Whether a file, by its absolute path, is none of the rule's. */
  readonly ignores: (path: string) => boolean
  /** Whether an ignored directory may hold files that are not. */
  readonly mayHoldExceptions: (path: string) => boolean
}

/** What editors leave beside the file that is edited (pkg/watch/ephemeral.go), and Git's own. */
const always = new IgnorePatterns([
  '**/.git',
  '**/*___jb_old___',
  '**/*___jb_tmp___',
  '**/.idea/**',
  '**/.#*',
  '**/4913',
  '**/*~',
  '**/.*.swp',
  '**/.*.swx',
  '**/.*.swo',
  '**/.*.swn',
])

/** The rules of all services. @throws Error for one that can't be followed */
export async function watchRules(
  files: CliFiles,
  project: Project,
  warn: (message: string) => Promise<void>,
): Promise<readonly WatchRule[]> {
  const rules: WatchRule[] = []
  for (const [name, service] of Object.entries(project.services)) {
    const triggers = service.develop?.watch ?? []
    if (triggers.length === 0) continue
    const context = service.build?.context
    const docker = new IgnorePatterns(await dockerIgnore(files, service))
    for (const trigger of triggers) {
      if (trigger.action === 'rebuild' && !service.build)
        throw new Error(
          `can't watch service ${JSON.stringify(name)} with action rebuild without a build context`,
        )
      if (trigger.action.startsWith('sync') && isMounted(trigger.path, service)) {
        await warn(
          `path '${trigger.path}' also declared by a bind mount volume, this path won't be monitored!`,
        )
        continue
      }
      const own = patterns(trigger.ignore)
      const included = trigger.include?.length ? patterns(trigger.include) : undefined
      const ignored = (path: string): boolean =>
        project.composeFiles.includes(path) ||
        always.ignores(path.slice(1)) ||
        own.ignores(below(trigger.path, path) ?? '') ||
        docker.ignores((context && below(context, path)) ?? '')
      rules.push({
        service: name,
        trigger,
        ignores: (path) =>
          ignored(path) || included?.ignores(below(trigger.path, path) ?? '') === false,
        // What is not included may still lead to what is.
        mayHoldExceptions: (path) =>
          !ignored(path) ||
          own.mayHoldExceptions(below(trigger.path, path) ?? '') ||
          docker.mayHoldExceptions((context && below(context, path)) ?? ''),
      })
    }
  }
  return rules
}

/** A path within a directory; undefined when it lies elsewhere. */
export function below(directory: string, path: string): string | undefined {
  if (path === directory) return ''
  const start = directory === '/' ? '/' : `${directory}/`
  return path.startsWith(start) ? path.slice(start.length) : undefined
}

const patterns = (lines: readonly string[] = []): IgnorePatterns =>
  new IgnorePatterns(readIgnoreFile(lines.join('\n')))

async function dockerIgnore(files: CliFiles, { build }: ServiceConfig): Promise<readonly string[]> {
  if (build?.context === undefined) return []
  const { context, dockerfile = 'Dockerfile' } = build
  const file = dockerfile.startsWith('/') ? dockerfile : `${context}/${dockerfile}`
  return (
    (await ignoreOf(files, `${file}.dockerignore`)) ??
    (await ignoreOf(files, `${context}/.dockerignore`)) ??
    []
  )
}

const isMounted = (path: string, { volumes = [] }: ServiceConfig): boolean =>
  volumes.some(
    ({ type, source }) =>
      type === 'bind' && source !== undefined && below(source, path) !== undefined,
  )
