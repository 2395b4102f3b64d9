import { readFileSync } from 'node:fs'
import { dirname, posix } from 'node:path'
import { parseSync } from 'oxc-parser'

/** What a layer may use: the layers below it, and its packages (`*`: any but those bound elsewhere). */
interface Rule {
  readonly layers: readonly string[]
  readonly packages: readonly string[]
}

const all = [
  'core',
  'codec',
  'ports',
  'engine',
  'api',
  'machine',
  'storage',
  'client',
  'kit',
  'cli',
  'compose',
  'link',
]

/** The table of docs/architecture.md. A file belongs to the longest prefix. */
const layers: Readonly<Record<string, Rule>> = {
  core: { layers: [], packages: [] },
  codec: { layers: ['core'], packages: ['hash-wasm', 'fflate', 'fzstd', 'xz-decompress'] },
  ports: { layers: ['core'], packages: [] },
  engine: { layers: ['core', 'codec', 'ports'], packages: [] },
  api: { layers: ['core', 'codec', 'engine'], packages: [] },
  machine: { layers: ['core', 'codec', 'ports'], packages: ['v86'] },
  storage: { layers: ['core', 'codec', 'ports'], packages: [] },
  client: { layers: ['core', 'codec'], packages: [] },
  kit: { layers: ['core', 'codec', 'ports', 'client'], packages: [] },
  cli: { layers: ['core', 'codec', 'ports', 'client', 'kit'], packages: [] },
  compose: { layers: ['core', 'codec', 'ports', 'client', 'kit'], packages: ['yaml', 'ajv'] },
  link: { layers: ['core'], packages: ['comlink'] },
  /** The origin of previews: a service worker, and what stands in frames. */
  preview: { layers: ['link'], packages: [] },
  'hosts/worker': { layers: [...all, 'hosts', 'hosts/guest-cli'], packages: ['v86'] },
  'hosts/node': { layers: [...all, 'hosts', 'hosts/guest-cli'], packages: ['v86', 'ws', 'node:*'] },
  /** What both hosts share. */
  hosts: { layers: [...all, 'hosts/guest-cli'], packages: [] },
  /** Serves the guest's `docker` stub; the same in both hosts. */
  'hosts/guest-cli': {
    layers: ['core', 'codec', 'ports', 'client', 'kit', 'cli', 'compose'],
    packages: [],
  },
  app: {
    layers: ['core', 'codec', 'client', 'link'],
    packages: ['lit', '@xterm/*', 'monaco-editor'],
  },
}

const names = Object.keys(layers).sort((left, right) => right.length - left.length)

/** The layer of a path such as `src/engine/images/pull.ts`; undefined for a stray file. */
export const layerOf = (file: string): string | undefined =>
  names.find((name) => file.startsWith(`src/${name}/`))

/** Every module a source names: static, re-exported, dynamic and type-only imports alike. */
function importsOf(file: string, source: string): string[] {
  const { module, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`Cannot parse ${file}: ${errors[0]?.message ?? ''}`)
  const named = module.staticImports.map((entry) => entry.moduleRequest.value)
  const reexported = module.staticExports.flatMap((entry) =>
    entry.entries.flatMap((item) => (item.moduleRequest ? [item.moduleRequest.value] : [])),
  )
  const dynamic = module.dynamicImports.map((entry) =>
    source
      .slice(entry.moduleRequest.start, entry.moduleRequest.end)
      .replaceAll(/^['"`]|['"`]$/g, ''),
  )
  // `new URL('./worker.ts', import.meta.url)` starts a bundle of its own: hosts are reached that way alone.
  return [...named, ...reexported, ...dynamic]
}

const matches = (name: string, pattern: string): boolean =>
  pattern.endsWith('*')
    ? name.startsWith(pattern.slice(0, -1))
    : name === pattern || name.startsWith(`${pattern}/`)

/** The files of `src` a file imports, as paths such as `src/core/digest.ts`. */
export const importedFiles = (
  file: string,
  source: string = readFileSync(file, 'utf8'),
): string[] =>
  importsOf(file, source)
    .filter((name) => name.startsWith('.'))
    .map((name) => posix.join(dirname(file), name))

/** What a file imports and may not, a sentence each. */
export function violations(file: string, source: string = readFileSync(file, 'utf8')): string[] {
  const layer = layerOf(file)
  const rule = layer === undefined ? undefined : layers[layer]
  if (layer === undefined || rule === undefined) return [`${file} belongs to no layer`]
  return importsOf(file, source).flatMap((name) => {
    if (!name.startsWith('.')) {
      return rule.packages.some((pattern) => matches(name, pattern))
        ? []
        : [`${file} imports ${name}`]
    }
    const target = posix.join(dirname(file), name)
    const other = layerOf(target)
    const allowed = other === layer || (other !== undefined && rule.layers.includes(other))
    return allowed ? [] : [`${file} imports ${target}`]
  })
}
