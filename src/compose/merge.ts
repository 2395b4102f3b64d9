import { ComposeError } from './compose-error.ts'
import { isList, isTree, pathText, PathTable, print } from './tree.ts'
import type { Path, Tree } from './tree.ts'

type Merge = (base: unknown, over: unknown, path: Path) => unknown

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

/** A mapping as `key=value`, sorted. */
function sequence(value: unknown): unknown[] {
  if (isList(value)) return value
  if (typeof value === 'string') return [value]
  if (!isTree(value)) return []
  return Object.entries(value)
    .flatMap(([key, entry]) =>
      entry === null
        ? [key]
        : (isList(entry) ? entry : [entry]).map((item) => `${key}=${print(item)}`),
    )
    .sort(compare)
}

const mapping = (value: unknown, settings: () => unknown): Tree => {
  if (isTree(value)) return value
  return isList(value) ? Object.fromEntries(value.map((name) => [String(name), settings()])) : {}
}

const append: Merge = (base, over) => [...sequence(base), ...sequence(over)]
const appendNew: Merge = (base, over) => {
  const first = sequence(base)
  return [...first, ...sequence(over).filter((entry) => !first.includes(entry))]
}
const replace: Merge = (_, over) => over
const named =
  (settings: () => unknown): Merge =>
  (base, over, path) =>
    mergeTrees(mapping(base, settings), mapping(over, settings), path)

const build: Merge = (base, over, path) => {
  const long = (value: unknown): Tree =>
    typeof value === 'string' ? { context: value } : isTree(value) ? value : {}
  return mergeTrees(long(base), long(over), path)
}

/** Options of different drivers are not mixed. */
const logging: Merge = (base, over, path) => {
  const left = isTree(base) ? base : {}
  const right = isTree(over) ? over : {}
  const other = left['driver'] !== right['driver'] && 'driver' in left && 'driver' in right
  return other ? right : mergeTrees(left, right, path)
}

/** Pools of the same subnet are merged. */
const ipam: Merge = (base, over, path) => {
  if (!isList(base) || !isList(over)) throw new ComposeError(`${pathText(path)}: unexpected type`)
  const pools: Tree[] = []
  const at = (subnet: unknown): number => pools.findIndex((pool) => pool['subnet'] === subnet)
  for (const original of base) {
    const left = mapping(original, () => null)
    for (const entry of over) {
      const right = mapping(entry, () => null)
      if (left['subnet'] !== right['subnet'] && at(right['subnet']) < 0) {
        pools.push(right)
        continue
      }
      const merged = mergeTrees(left, right, path)
      const index = at(merged['subnet'])
      if (index < 0) pools.push(merged)
      else pools[index] = merged
    }
  }
  return pools
}

// compose-go v2.9.1, override.mergeSpecials
const rules = new PathTable<Merge>({
  'networks.*.ipam.config': ipam,
  'networks.*.labels': append,
  'volumes.*.labels': append,
  'services.*.annotations': append,
  'services.*.build': build,
  'services.*.build.args': append,
  'services.*.build.additional_contexts': append,
  'services.*.build.extra_hosts': appendNew,
  'services.*.build.labels': append,
  'services.*.command': replace,
  'services.*.depends_on': named(() => ({ condition: 'service_started', required: true })),
  'services.*.deploy.labels': append,
  'services.*.dns': append,
  'services.*.dns_opt': append,
  'services.*.dns_search': append,
  'services.*.entrypoint': replace,
  'services.*.env_file': append,
  'services.*.label_file': append,
  'services.*.environment': append,
  'services.*.extra_hosts': appendNew,
  'services.*.healthcheck.test': replace,
  'services.*.labels': append,
  'services.*.volumes.*.volume.labels': append,
  'services.*.logging': logging,
  'services.*.models': named(() => null),
  'services.*.networks': named(() => null),
  'services.*.sysctls': append,
  'services.*.tmpfs': append,
  'services.*.ulimits.*': replace,
})

function merge(base: unknown, over: unknown, path: Path): unknown {
  const rule = rules.get(path)
  if (rule) return rule(base, over, path)
  if (over === null || over === undefined) return base
  const where = pathText(path)
  if (isTree(base)) {
    if (!isTree(over)) throw new ComposeError(`cannot override ${where}`, { path: where })
    return mergeTrees(base, over, path)
  }
  if (isList(base)) {
    if (!isList(over)) throw new ComposeError(`cannot override ${where}`, { path: where })
    return [...base, ...over]
  }
  return over
}

function mergeTrees(base: Tree, over: Tree, path: Path): Tree {
  const merged = { ...base }
  for (const [key, value] of Object.entries(over)) {
    merged[key] = key in merged ? merge(merged[key], value, [...path, key]) : value
  }
  return merged
}

/** A file over those before it. */
export const mergeFiles = (base: Tree, over: Tree): Tree => mergeTrees(base, over, [])

/** A service over the one it extends. */
export const mergeService = (base: Tree, over: Tree): Tree =>
  mergeTrees(base, over, ['services', 'x'])
