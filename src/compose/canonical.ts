import { ComposeError } from './compose-error.ts'
import { parsePort } from './parse-port.ts'
import { parseVolume } from './parse-volume.ts'
import { isList, isTree, PathTable, pathText, print } from './tree.ts'
import type { Path, Tree } from './tree.ts'

type Transform = (value: unknown, path: Path, warn: (message: string) => void) => unknown

const entries: Transform = (value, path, warn) =>
  isTree(value)
    ? Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, canonical(entry, warn, [...path, key])]),
      )
    : value

const list: Transform = (value) => (typeof value === 'string' ? [value] : value)
const byName: Transform = (value) =>
  isList(value) ? Object.fromEntries(value.map((name) => [String(name), null])) : value
const file: Transform = (value) => (typeof value === 'string' ? { source: value } : value)

const keyValue: Transform = (value, path) => {
  if (!isList(value)) return value
  return Object.fromEntries(
    value.map((entry) => {
      const text = String(entry)
      const at = text.indexOf('=')
      if (at < 0) {
        throw new ComposeError(`${pathText(path)}: invalid value ${text}, expected key=value`)
      }
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

const dependsOn: Transform = (value) => {
  const long = (settings: unknown): Tree => ({
    condition: 'service_started',
    required: true,
    ...(isTree(settings) ? settings : {}),
  })
  const named = isList(value)
    ? value.map((name) => [String(name), {}] as const)
    : Object.entries(value as Tree)
  return Object.fromEntries(named.map(([name, settings]) => [name, long(settings)]))
}

const envFile: Transform = (value) =>
  (isList(value) ? value : [value]).map((entry) =>
    isTree(entry) ? { required: true, ...entry } : { path: entry, required: true },
  )

const device: Transform = (value) => {
  if (typeof value !== 'string') return value
  const [source = '', target = '', permissions = 'rwm', ...more] = value.split(':')
  if (more.length > 0) {
    throw new ComposeError(`confusing device mapping, please use long syntax: ${value}`)
  }
  return { source, target: target || source, permissions }
}

const ssh: Transform = (value) => {
  if (!isList(value)) return value
  return Object.fromEntries(
    value.map((entry) => {
      const text = String(entry)
      const at = text.indexOf('=')
      if (at < 0 && text !== 'default') throw new ComposeError(`invalid ssh key "${text}"`)
      return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

const ports: Transform = (value) =>
  isList(value)
    ? value.flatMap((entry) => (isTree(entry) ? [entry] : parsePort(String(entry))))
    : value

const external: Transform = (value, path, warn) => {
  if (!isTree(value)) return value
  const resource = entries(value, path, warn) as Tree
  const old = resource['external']
  if (!isTree(old)) return resource
  resource['external'] = true
  if (!('name' in old)) return resource
  warn(`${pathText(path)}: external.name is deprecated. Please set name and external: true`)
  if ('name' in resource && resource['name'] !== old['name']) {
    throw new ComposeError(`${pathText(path)}: name and external.name conflict; only use name`)
  }
  return { ...resource, name: old['name'] }
}

// compose-go v2.9.1, transform.transformers
const transforms = new PathTable<Transform>({
  'services.*': entries,
  'services.*.build': (value, path, warn) =>
    typeof value === 'string' ? { context: value } : entries(value, path, warn),
  'services.*.build.secrets.*': file,
  'services.*.build.provenance': print,
  'services.*.build.sbom': print,
  'services.*.build.additional_contexts': keyValue,
  'services.*.build.ssh': ssh,
  'services.*.depends_on': dependsOn,
  'services.*.env_file': envFile,
  'services.*.label_file': list,
  'services.*.extends': (value) => (typeof value === 'string' ? { service: value } : value),
  'services.*.gpus': (value) => (typeof value === 'string' ? [{ count: 'all' }] : value),
  'services.*.networks': byName,
  'services.*.models': byName,
  'services.*.volumes.*': (value) => (typeof value === 'string' ? parseVolume(value) : value),
  'services.*.dns': list,
  'services.*.devices.*': device,
  'services.*.secrets.*': file,
  'services.*.configs.*': file,
  'services.*.ports': ports,
  'services.*.develop.watch.*.ignore': list,
  'services.*.develop.watch.*.include': list,
  'volumes.*': external,
  'networks.*': external,
  'secrets.*': external,
  'configs.*': external,
})

/** Every short form in its long one. */
export function canonical(
  value: unknown,
  warn: (message: string) => void,
  path: Path = [],
): unknown {
  const transform = transforms.get(path)
  if (transform) return transform(value, path, warn)
  if (isList(value)) return value.map((entry) => canonical(entry, warn, [...path, '[]']))
  return isTree(value) ? entries(value, path, warn) : value
}

const deviceRequest: Transform = (value) =>
  isTree(value) && !('count' in value) && !('device_ids' in value)
    ? { ...value, count: 'all' }
    : value

const defaults = new PathTable<Transform>({
  'services.*.build': (value) => (isTree(value) ? { context: '.', ...value } : value),
  'services.*.secrets.*': (value) =>
    isTree(value) ? { target: `/run/secrets/${print(value['source'])}`, ...value } : value,
  'services.*.ports.*': (value) =>
    isTree(value) ? { protocol: 'tcp', mode: 'ingress', ...value } : value,
  'services.*.deploy.resources.reservations.devices.*': deviceRequest,
  'services.*.gpus.*': deviceRequest,
})

/** Attributes that a long form may leave out. */
export function withDefaults(value: unknown, path: Path = []): unknown {
  const set = defaults.get(path)
  if (set) return set(value, path, () => undefined)
  if (isList(value)) return value.map((entry) => withDefaults(entry, [...path, '[]']))
  if (!isTree(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, withDefaults(entry, [...path, key])]),
  )
}
