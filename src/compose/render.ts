import { sha256 } from '../codec/sha256.ts'
import type { NetworkConfig, Project, VolumeConfig } from './project.ts'
import type { ServiceConfig } from './service.ts'
import { shapes } from './shape.ts'
import type { Field, Shape } from './shape.ts'
import { isList, isTree } from './tree.ts'
import type { Tree } from './tree.ts'
import { yamlText } from './yaml-text.ts'

const kinds = ['services', 'networks', 'volumes', 'secrets', 'configs', 'models'] as const

/** A value as encoding/json marshals it: struct fields in order, without extensions. */
function jsonValue(shape: Shape, value: unknown): unknown {
  if (value === null) return null
  if (shape.kind === 'list') return (value as unknown[]).map((entry) => jsonValue(shape.of, entry))
  if (shape.kind === 'map') return mapValues(value as Tree, (entry) => jsonValue(shape.of, entry))
  if (shape.kind !== 'struct') return value
  const printed: Tree = {}
  for (const [key, { shape: of, json = key }] of Object.entries(shape.fields)) {
    const entry = (value as Tree)[json]
    if (entry !== undefined) printed[json] = jsonValue(of, entry)
  }
  return printed
}

const mapValues = (tree: Tree, map: (value: unknown) => unknown): Tree =>
  Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, map(value)]))

/** A value as go-yaml marshals it: maps in natural order, extensions last, nothing empty. */
function yamlValue(shape: Shape, value: unknown): unknown {
  if (value === null) return null
  switch (shape.kind) {
    case 'list':
      return (value as unknown[]).map((entry) => yamlValue(shape.of, entry))
    case 'map':
      return sortKeys(mapValues(value as Tree, (entry) => yamlValue(shape.of, entry)))
    case 'struct':
      return yamlStruct(shape.fields, value as Tree)
    case 'ulimit':
      return isTree(value) ? { soft: value['soft'] ?? 0, hard: value['hard'] ?? 0 } : value
    default:
      return isTree(value) ? sortKeys(value) : value
  }
}

function yamlStruct(fields: Readonly<Record<string, Field>>, value: Tree): Tree {
  const printed: Tree = {}
  for (const [key, { shape, empty, json = key }] of Object.entries(fields)) {
    const entry = value[json]
    if (entry === undefined || (entry === null && empty === 'json')) continue
    const inner = yamlValue(shape, entry)
    if (empty === 'json' && isTree(inner) && Object.keys(inner).length === 0) continue
    printed[key] = inner
  }
  const extensions = Object.entries(value).filter(
    ([key]) => key.startsWith('x-') && !(key in fields),
  )
  return { ...printed, ...(naturally(Object.fromEntries(extensions)) as Tree) }
}

const sortKeys = (tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).sort(([left], [right]) => compareKeys(left, right)))

/** Every mapping below, sorted as go-yaml sorts keys. */
function naturally(value: unknown): unknown {
  if (isList(value)) return value.map(naturally)
  return isTree(value) ? mapValues(sortKeys(value), naturally) : value
}

/** go-yaml v3, sorter.go: numbers within keys by their value, letters after the rest. */
function compareKeys(left: string, right: string): number {
  const [a, b] = [Array.from(left), Array.from(right)]
  const isLetter = (char: string): boolean => /\p{L}/u.test(char)
  const isDigit = (char: string | undefined): boolean => char !== undefined && /\p{Nd}/u.test(char)
  let digits = false
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [x = '', y = ''] = [a[at], b[at]]
    if (x === y) {
      digits = isDigit(x)
      continue
    }
    if (isLetter(x) !== isLetter(y)) {
      const letter = isLetter(x)
      return digits ? (letter ? -1 : 1) : letter ? 1 : -1
    }
    if (isLetter(x)) return x < y ? -1 : 1
    let zeros = 0n
    if (x === '0' || y === '0') {
      for (let back = at - 1; back >= 0 && isDigit(a[back]); back--) if (a[back] !== '0') zeros = 1n
    }
    const [n, m] = [a, b].map((chars) => {
      let end = at
      while (isDigit(chars[end])) end++
      return { value: BigInt(`${zeros || ''}${chars.slice(at, end).join('')}` || 0), end }
    }) as [{ value: bigint; end: number }, { value: bigint; end: number }]
    if (n.value !== m.value) return n.value < m.value ? -1 : 1
    if (n.end !== m.end) return n.end < m.end ? -1 : 1
    return x < y ? -1 : 1
  }
  return a.length - b.length
}

/** Every mapping below, sorted as encoding/json sorts keys. */
function bytewise(value: unknown): unknown {
  if (isList(value)) return value.map(bytewise)
  if (!isTree(value)) return value
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(entries.map(([key, entry]) => [key, bytewise(entry)]))
}

/** As encoding/json escapes for HTML. */
const goJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const escapeDollars = (text: string): string => text.replaceAll('$', '$$$$')

const nonEmpty = (project: Project): (typeof kinds)[number][] =>
  kinds.filter((kind) => kind === 'services' || Object.keys(project[kind]).length > 0)

/** Secrets never print what is in them; configs only what the file has. */
function printable(kind: string, resources: Tree): Tree {
  if (kind !== 'secrets' && kind !== 'configs') return resources
  return mapValues(resources, (value) => {
    const { content, ...rest } = value as Tree
    const keep = kind === 'configs' && content !== undefined && rest['environment'] === undefined
    return keep ? value : rest
  })
}

const resourcesOf = (project: Project, kind: (typeof kinds)[number]): Tree =>
  printable(kind, project[kind])

/** `config --format json`. */
export function projectJson(project: Project): string {
  const document: Tree = { name: project.name, ...(bytewise(project.extensions) as Tree) }
  for (const kind of nonEmpty(project).filter((kind) => kind !== 'models')) {
    document[kind] = jsonValue({ kind: 'map', of: shapes[kind] }, resourcesOf(project, kind))
  }
  const sorted = Object.entries(document).sort(([left], [right]) => (left < right ? -1 : 1))
  return escapeDollars(goJson(Object.fromEntries(sorted), 2))
}

/** `config`, in YAML. */
export function projectYaml(project: Project): string {
  const document: Tree = { name: project.name }
  for (const kind of nonEmpty(project)) {
    document[kind] = yamlValue({ kind: 'map', of: shapes[kind] }, resourcesOf(project, kind))
  }
  return escapeDollars(yamlText({ ...document, ...(naturally(project.extensions) as Tree) }))
}

/** What Compose labels a container with, to see whether its service has changed: 64 hex characters. */
export async function serviceHash(service: ServiceConfig): Promise<string> {
  const unhashed = ['build', 'pull_policy', 'scale', 'depends_on', 'profiles']
  const hashed: Tree = Object.fromEntries(
    Object.entries(service).filter(([key]) => !unhashed.includes(key)),
  )
  if (isTree(hashed['deploy'])) {
    hashed['deploy'] = Object.fromEntries(
      Object.entries(hashed['deploy']).filter(([key]) => key !== 'replicas'),
    )
  }
  return hashOf(shapes.services, hashed)
}

/** Likewise of a network. */
export const networkHash = (network: NetworkConfig): Promise<string> =>
  hashOf(shapes.networks, network)

/** Likewise of a volume; the driver is hashed as the engine will name it. */
export const volumeHash = (volume: VolumeConfig): Promise<string> =>
  hashOf(shapes.volumes, { ...volume, driver: volume.driver ?? 'local' })

async function hashOf(shape: Shape, value: unknown): Promise<string> {
  const digest = await sha256(new TextEncoder().encode(goJson(jsonValue(shape, value))))
  return digest.slice('sha256:'.length)
}
