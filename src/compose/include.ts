import { ComposeError } from './compose-error.ts'
import { readEnvFiles } from './model-context.ts'
import type { ModelContext } from './model-context.ts'
import { joinPath } from './resolve-paths.ts'
import { isList, isTree } from './tree.ts'
import type { Tree } from './tree.ts'

const texts = (value: unknown): string[] =>
  value === undefined || value === null ? [] : (isList(value) ? value : [value]).map(String)

const kinds = ['services', 'volumes', 'networks', 'secrets', 'configs', 'models']

/** A file's model with the resources of those that it includes. */
export async function importIncluded(
  model: Tree,
  context: ModelContext,
  load: (context: ModelContext) => Promise<Tree>,
): Promise<Tree> {
  const { include, ...rest } = model
  if (include === undefined || include === null) return rest
  if (!isList(include)) throw new ComposeError('`include` must be a list', { path: 'include' })
  let imported = rest
  for (const entry of include) {
    const settings = isTree(entry) ? entry : { path: entry }
    const files = texts(settings['path']).map((path) => joinPath(context.directory, path))
    const [main = ''] = files
    if (context.included.includes(main)) {
      const [first, ...others] = [...context.included, main]
      throw new ComposeError(
        `include cycle detected:\n${first}\n include ${others.join('\n include ')}`,
        { path: 'include' },
      )
    }
    const own = settings['project_directory']
    const directory =
      typeof own === 'string' && own !== ''
        ? joinPath(context.directory, own)
        : main.slice(0, main.lastIndexOf('/')) || '/'
    const given = texts(settings['env_file']).map((path) => joinPath(context.directory, path))
    const beside = joinPath(directory, '.env')
    const there = given.length === 0 && (await context.readFile(beside)) !== undefined
    const envFiles = there ? [beside] : given
    const environment = {
      ...(await readEnvFiles(envFiles, context.environment, context)),
      ...context.environment,
    }
    imported = merge(imported, await load({ ...context, files, directory, environment }))
  }
  return imported
}

function merge(into: Tree, from: Tree): Tree {
  const merged = { ...into }
  for (const kind of kinds) {
    const resources = from[kind]
    if (!isTree(resources)) continue
    const own = isTree(merged[kind]) ? merged[kind] : {}
    for (const [name, resource] of Object.entries(resources)) {
      if (name in own && JSON.stringify(own[name]) !== JSON.stringify(resource)) {
        throw new ComposeError(`${kind}.${name} conflicts with imported resource`, {
          path: `${kind}.${name}`,
        })
      }
    }
    merged[kind] = { ...own, ...resources }
  }
  return merged
}
