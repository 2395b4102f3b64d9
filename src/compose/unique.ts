import { ComposeError } from './compose-error.ts'
import { isList, isTree, PathTable, pathText, print } from './tree.ts'
import type { Path, Tree } from './tree.ts'
import { parseVolume } from './parse-volume.ts'

type Key = (entry: unknown, path: Path) => string

const keyValue: Key = (entry, path) => {
  if (typeof entry === 'string') return entry.split('=', 1)[0] ?? ''
  throw new ComposeError(`${pathText(path)}: unexpected type ${goType(entry)}`)
}

const goType = (value: unknown): string =>
  typeof value === 'boolean'
    ? 'bool'
    : typeof value === 'number'
      ? Number.isInteger(value)
        ? 'int'
        : 'float64'
      : value === null
        ? '<nil>'
        : 'map[string]interface {}'

const volume: Key = (entry, path) => {
  if (typeof entry === 'string') return String(parseVolume(entry)['target'])
  if (isTree(entry) && typeof entry['target'] === 'string') return entry['target']
  throw new ComposeError(`service volume ${pathText(path)} is missing a mount target`)
}

const device: Key = (entry, path) => {
  if (typeof entry === 'string') return entry.split(':')[1] ?? entry
  if (isTree(entry) && typeof entry['target'] === 'string') return entry['target']
  throw new ComposeError(`service device ${pathText(path)} is missing a mount target`)
}

const mount =
  (folder: string): Key =>
  (entry) =>
    isTree(entry)
      ? print(entry['target'] ?? `${folder}/${print(entry['source'])}`)
      : `${folder}/${String(entry)}`

const port: Key = (entry, path) => {
  if (!isTree(entry)) return String(entry)
  if (!('target' in entry)) {
    throw new ComposeError(`service ports ${pathText(path)} is missing a target port`)
  }
  const { host_ip: host = '0.0.0.0', published = '', target, protocol = 'tcp' } = entry
  return `${String(host)}:${String(published)}:${String(target)}/${String(protocol)}`
}

const envFile: Key = (entry, path) => {
  if (!isTree(entry)) return String(entry)
  if (typeof entry['path'] === 'string') return entry['path']
  throw new ComposeError(`environment path attribute ${pathText(path)} is missing`)
}

// compose-go v2.9.1, override.unique
const keys = new PathTable<Key>({
  'networks.*.labels': keyValue,
  'networks.*.ipam.options': keyValue,
  'services.*.annotations': keyValue,
  'services.*.build.args': keyValue,
  'services.*.build.additional_contexts': keyValue,
  'services.*.build.platform': keyValue,
  'services.*.build.tags': keyValue,
  'services.*.build.labels': keyValue,
  'services.*.cap_add': keyValue,
  'services.*.cap_drop': keyValue,
  'services.*.configs': mount(''),
  'services.*.deploy.labels': keyValue,
  'services.*.dns': keyValue,
  'services.*.dns_opt': keyValue,
  'services.*.dns_search': keyValue,
  'services.*.environment': keyValue,
  'services.*.env_file': envFile,
  'services.*.expose': String,
  'services.*.labels': keyValue,
  'services.*.links': keyValue,
  'services.*.networks.*.aliases': keyValue,
  'services.*.networks.*.link_local_ips': keyValue,
  'services.*.ports': port,
  'services.*.profiles': keyValue,
  'services.*.secrets': mount('/run/secrets'),
  'services.*.sysctls': keyValue,
  'services.*.tmpfs': keyValue,
  'services.*.volumes': volume,
  'services.*.devices': device,
})

/** Of entries that are about the same, such as a mount's target, the last, in the place of the first. */
export function unique(value: unknown, path: Path = []): unknown {
  if (isTree(value)) {
    const tree: Tree = {}
    for (const [key, entry] of Object.entries(value)) tree[key] = unique(entry, [...path, key])
    return tree
  }
  const keyOf = isList(value) ? keys.get(path) : undefined
  if (!keyOf || !isList(value)) return value
  const byKey = new Map<string, unknown>()
  for (const [index, entry] of value.entries())
    byKey.set(keyOf(entry, [...path, `[${index}]`]), entry)
  return [...byKey.values()]
}
