import { ComposeError } from './compose-error.ts'
import { isAddress } from './parse-port.ts'
import { isList, isTree, PathTable, pathText } from './tree.ts'
import type { Path, Tree } from './tree.ts'

type Check = (value: unknown, where: string) => void

const fail = (where: string, message: string): never => {
  throw new ComposeError(`${where}: ${message}`, { path: where })
}

const volume: Check = (value, where) => {
  if (!isTree(value) || value['external'] !== true) return
  for (const key of Object.keys(value)) {
    if (key === 'name' || key === 'external' || key.startsWith('x-')) continue
    fail(where, `conflicting parameters "external" and "${key}" specified`)
  }
}

const oneOf =
  (...keys: string[]): Check =>
  (value, where) => {
    const tree = isTree(value) ? value : {}
    const count = keys.filter((key) => key in tree).length
    if (count > 1) fail(where, `${keys.join('|')} attributes are mutually exclusive`)
    if (count === 0 && !('driver' in tree) && !('external' in tree)) {
      fail(where, `one of ${keys.join('|')} must be set`)
    }
  }

const deviceRequest: Check = (value, where) => {
  if (isTree(value) && 'count' in value && 'device_ids' in value) {
    fail(where, '"count" and "device_ids" attributes are exclusive')
  }
}

const checks = new PathTable<Check>({
  'volumes.*': volume,
  'configs.*': oneOf('file', 'environment', 'content'),
  'secrets.*': oneOf('file', 'environment'),
  'services.*.ports.*': (value, where) => {
    const address = isTree(value) ? value['host_ip'] : undefined
    if (typeof address === 'string' && !isAddress(address)) {
      fail(where, `invalid ip address: ${address}`)
    }
  },
  'services.*.develop.watch.*.path': (value, where) => {
    if (value === '') fail(where, "value can't be blank")
  },
  'services.*.deploy.resources.reservations.devices.*': deviceRequest,
  'services.*.gpus.*': deviceRequest,
})

/** What the schema can't say of one resource. */
export function checkModel(tree: Tree): void {
  const walk = (value: unknown, path: Path): void => {
    const check = checks.get(path)
    if (check) check(value, pathText(path))
    else if (isList(value)) for (const entry of value) walk(entry, [...path, '[]'])
    else if (isTree(value)) {
      for (const [key, entry] of Object.entries(value)) walk(entry, [...path, key])
    }
  }
  walk(tree, [])
}
