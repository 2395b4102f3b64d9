import { ComposeError } from './compose-error.ts'
import { cleanPath } from './parse-volume.ts'
import { isList, isTree, PathTable } from './tree.ts'
import type { Path, Tree } from './tree.ts'

type Resolve = (value: unknown, base: string, home: string | undefined) => unknown

/** `path` below `base`, `~` in the home directory. */
export const joinPath = (base: string, path: string): string =>
  cleanPath(path.startsWith('/') ? path : `${base}/${path}`)

const absolute: Resolve = (value, base, home) => {
  if (isList(value)) return value.map((entry) => absolute(entry, base, home))
  if (typeof value !== 'string' || value === '') return value
  const path = value.startsWith('~') && home !== undefined ? `${home}${value.slice(1)}` : value
  return path.startsWith('/') || /^[a-zA-Z]:[\\/]/.test(path) || path.startsWith('\\\\')
    ? value.startsWith('~')
      ? cleanPath(path)
      : path
    : joinPath(base, path)
}

const remote = /^(?:https?:\/\/|git:\/\/|ssh:\/\/|github\.com\/|git@|service:)|:\/\//
const context: Resolve = (value, base, home) =>
  typeof value === 'string' && remote.test(value) ? value : absolute(value, base, home)

const mount: Resolve = (value, base, home) => {
  if (!isTree(value) || value['type'] !== 'bind') return value
  if (!('source' in value)) {
    throw new ComposeError('invalid mount config for type "bind": field Source must not be empty')
  }
  return { ...value, source: absolute(value['source'], base, home) }
}

/** A local volume on a directory is a bind mount in truth. */
const localVolume: Resolve = (value, base, home) => {
  if (!isTree(value) || value['driver'] !== 'local') return value
  const options = value['driver_opts']
  if (!isTree(options) || options['o'] !== 'bind' || !('device' in options)) return value
  return { ...value, driver_opts: { ...options, device: absolute(options['device'], base, home) } }
}

const resolvers = new PathTable<Resolve>({
  'services.*.build.context': context,
  'services.*.build.additional_contexts.*': context,
  'services.*.build.ssh.*': absolute,
  'services.*.env_file.*.path': absolute,
  'services.*.label_file.*': absolute,
  'services.*.extends.file': absolute,
  'services.*.develop.watch.*.path': absolute,
  'services.*.volumes.*': mount,
  'configs.*.file': absolute,
  'secrets.*.file': absolute,
  'volumes.*': localVolume,
})

/** Every path of a canonical model below `base`. */
export function resolvePaths(tree: Tree, base: string, home: string | undefined): Tree {
  const walk = (value: unknown, path: Path): unknown => {
    const resolve = resolvers.get(path)
    if (resolve) return resolve(value, base, home)
    if (isList(value)) return value.map((entry) => walk(entry, [...path, '[]']))
    if (!isTree(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, walk(entry, [...path, key])]),
    )
  }
  return walk(tree, []) as Tree
}
