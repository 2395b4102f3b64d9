import { cleanPath } from './parse-volume.ts'
import type { Lookup } from './substitute.ts'
import { isList, isTree } from './tree.ts'
import type { Tree } from './tree.ts'

/** What stands for a variable without value; `keep` leaves those that have none. */
function resolveVariables(value: unknown, lookup: Lookup, keep: boolean): unknown {
  if (isList(value)) {
    return value.flatMap((entry) => {
      if (typeof entry !== 'string' || entry.includes('=')) return [entry]
      const found = lookup(entry)
      return found === undefined ? (keep ? [entry] : []) : [`${entry}=${found}`]
    })
  }
  if (!isTree(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]): [string, unknown][] => {
      if (entry !== null) return [[key, entry]]
      const found = lookup(key)
      return found === undefined ? (keep ? [[key, null]] : []) : [[key, found]]
    }),
  )
}

const namespaces = ['network_mode', 'ipc', 'pid', 'uts', 'cgroup']

/** The services that another shares something with, which come before it. */
function implied(service: Tree): [string, Tree][] {
  const on = (name: string, restart: boolean): [string, Tree] => [
    name,
    { condition: 'service_started', restart, required: true },
  ]
  const texts = (key: string): string[] => {
    const value = service[key]
    return isList(value) ? value.map(String) : []
  }
  const links = texts('links').map((link) => {
    const parts = link.split(':')
    return on(parts.length === 2 ? (parts[0] ?? '') : link, true)
  })
  const shared = namespaces
    .map((key) => service[key])
    .filter((value) => typeof value === 'string')
    .filter((value) => value.startsWith('service:'))
    .map((value) => on(value.slice('service:'.length), true))
  const volumes = texts('volumes_from')
    .filter((from) => !from.startsWith('container:'))
    .map((from) => on(from.split(':')[0] ?? '', false))
  return [...links, ...shared, ...volumes]
}

function normalizeService(value: Tree, lookup: Lookup): Tree {
  const service = { ...value }
  if (service['pull_policy'] === 'if_not_present') service['pull_policy'] = 'missing'
  const build = service['build']
  if (isTree(build)) {
    const set: Tree = { ...build }
    set['context'] ??= '.'
    if ((set['dockerfile'] ?? set['dockerfile_inline'] ?? null) === null) {
      set['dockerfile'] = 'Dockerfile'
    }
    if ('args' in set) set['args'] = resolveVariables(set['args'], lookup, false)
    service['build'] = set
  }
  if ('environment' in service) {
    service['environment'] = resolveVariables(service['environment'], lookup, true)
  }
  const dependencies: Tree = isTree(service['depends_on']) ? { ...service['depends_on'] } : {}
  for (const [name, settings] of implied(service)) dependencies[name] ??= settings
  if (Object.keys(dependencies).length > 0) service['depends_on'] = dependencies
  if (isList(service['volumes'])) {
    service['volumes'] = service['volumes'].map((volume) =>
      isTree(volume) ? { ...volume, target: cleanPath(String(volume['target'])) } : volume,
    )
  }
  return service
}

const usesNetworks = (service: Tree): boolean =>
  !('provider' in service) && !('network_mode' in service)

/** Implicit attributes made explicit: the default network, dependencies, names of resources. */
export function normalize(tree: Tree, projectName: string, lookup: Lookup): Tree {
  const model = { ...tree }
  const services: Tree = {}
  let defaultNetwork = false
  for (const [name, value] of Object.entries(isTree(model['services']) ? model['services'] : {})) {
    if (!isTree(value)) continue
    const service = normalizeService(value, lookup)
    if (usesNetworks(service)) {
      const own = service['networks']
      if (!isTree(own) || Object.keys(own).length === 0) service['networks'] = { default: null }
      defaultNetwork ||= 'default' in (service['networks'] as Tree)
    }
    services[name] = service
  }
  if ('services' in model) model['services'] = services
  const networks: Tree = isTree(model['networks']) ? { ...model['networks'] } : {}
  if (defaultNetwork) networks['default'] ??= null
  if (Object.keys(networks).length > 0) model['networks'] = networks
  for (const kind of ['networks', 'volumes', 'configs', 'secrets']) {
    const resources = model[kind]
    if (!isTree(resources)) continue
    model[kind] = Object.fromEntries(
      Object.entries(resources).map(([key, value]) => {
        const resource: Tree = isTree(value) ? { ...value } : {}
        resource['name'] ??= resource['external'] === true ? key : `${projectName}_${key}`
        return [key, resource]
      }),
    )
  }
  return model
}
