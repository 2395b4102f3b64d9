import type { RunInstruction } from '../../codec/dockerfile/instructions.ts'
import type { RuntimeMount } from '../../core/guest-protocol.ts'
import { EngineError } from '../../core/error.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { findNode, resolveInRoot } from './tree-path.ts'
import { absolutePath } from './copy-step.ts'
import { mountOptions } from './mount-options.ts'
import type { StageRun } from './stage.ts'

/** What RUN's mounts come to. */
export interface RunMounts {
  readonly mounts: readonly RuntimeMount[]
  /** Texts for guestd to write for the container, by name. */
  readonly files: Readonly<Record<string, string>>
  readonly env: readonly string[]
  /** Trees to be added to the machine while it runs. */
  readonly trees: readonly { readonly id: string; readonly root: RootfsNode }[]
  /** Directories of the guest that must be there. */
  readonly caches: readonly CacheDirectory[]
  /** For the cache key. */
  readonly inputs: readonly unknown[]
  /** Paths that are mount points only. */
  readonly targets: readonly string[]
}

/** A cache mount's directory: it lives as long as the guest. */
export interface CacheDirectory {
  readonly id: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly locked: boolean
}

/** In the host root: it lives as long as the guest. */
const CACHES = '/var/cache/docker-build'
/** Where the guest has the host root (wasm/guestd/runtime.h, HOST_ROOT). */
const HOST_ROOT = '/run/host'
export const cachePath = (id: string): string => `${CACHES}/${id}`
const filesPath = (container: string, name: string): string =>
  `/run/containers/${container}/${name}`
const treePath = (id: string): string => `/run/trees/${id}`

/** @throws EngineError `invalid-parameter` in BuildKit's words (frontend/dockerfile/instructions/commands_runmount.go) */
export async function runMounts(
  stage: StageRun,
  { mounts: given }: RunInstruction,
  container: string,
): Promise<RunMounts> {
  const { session } = stage.environment
  const mounts: RuntimeMount[] = []
  const files: Record<string, string> = {}
  const env: string[] = []
  const trees: { id: string; root: RootfsNode }[] = []
  const caches: CacheDirectory[] = []
  const inputs: unknown[] = []
  for (const [index, text] of given.entries()) {
    const options = mountOptions(stage.scope.expand(text))
    const get = (...names: readonly string[]): string | undefined =>
      names.map((name) => options.get(name)).find((value) => value !== undefined)
    const type = get('type') ?? 'bind'
    const target = get('target', 'dst', 'destination')
    const absolute = (path: string): string => {
      const clean = absolutePath(path, stage.config.WorkingDir ?? '/').replace(/(.)\/$/, '$1')
      if (clean === '/') throw invalid(`invalid mount target ${JSON.stringify(clean)}`)
      return clean
    }
    const number = (name: string, fallback: number, base: 8 | 10): number => {
      const value = get(name)
      if (value === undefined) return fallback
      const parsed = Number.parseInt(value, base)
      if (Number.isNaN(parsed)) throw invalid(`invalid value for ${name}: ${value}`)
      return parsed
    }
    switch (type) {
      case 'tmpfs': {
        const size = get('size')
        mounts.push({
          destination: absolute(target ?? '/'),
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['nosuid', 'nodev', ...(size === undefined ? [] : [`size=${bytesOf(size)}`])],
        })
        inputs.push([type, target, size])
        break
      }
      case 'secret': {
        const source = get('id', 'source') ?? target?.split('/').at(-1)
        if (source === undefined) throw invalid('invalid mount: secret needs an id or a target')
        const variable = get('env')
        const path = target ?? (variable === undefined ? `/run/secrets/${source}` : undefined)
        const secret = session.request.secrets.get(source)
        inputs.push([type, source, path, variable])
        if (!secret) {
          if (['true', '1'].includes(get('required') ?? 'false')) {
            throw invalid(`secret ${source}: not found`)
          }
          break
        }
        const content = new TextDecoder().decode(secret)
        if (variable !== undefined) env.push(`${variable}=${content}`)
        if (path === undefined) break
        const name = `secret-${index}`
        files[name] = content
        mounts.push({
          destination: absolute(path),
          type: 'bind',
          source: filesPath(container, name),
          options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'],
        })
        break
      }
      case 'ssh':
        throw new EngineError('not-implemented', 'Drydock has no SSH agent for --mount=type=ssh')
      case 'bind': {
        const from = get('from')
        const source = await stage.environment.files(from)
        const path = resolveInRoot(source.root, get('source', 'src') ?? '/')
        const node = findNode(source.root, path)
        if (!node) throw invalid(`failed to compute cache key: "/${path}": not found`)
        if (['rw', 'readwrite'].some((name) => get(name) === 'true')) {
          throw new EngineError('not-implemented', 'Drydock can not mount with type=bind,rw yet')
        }
        const id = source.tree ?? treeId(container, index)
        if (source.tree === undefined) trees.push({ id, root: source.root })
        else trees.push({ id: source.tree, root: source.root })
        mounts.push({
          destination: absolute(target ?? '/'),
          type: 'bind',
          source: path === '' ? treePath(id) : `${treePath(id)}/${path}`,
          options: ['bind', 'ro'],
        })
        inputs.push([type, target, await session.tools.keys.tree(node)])
        break
      }
      case 'cache': {
        if (target === undefined) throw invalid('invalid mount target ""')
        const path = absolute(target)
        const name = get('id') ?? path
        const id = session.tools.keys.of('cache', name).slice('sha256:'.length)
        const sharing = get('sharing') ?? 'shared'
        if (!['shared', 'private', 'locked'].includes(sharing)) {
          throw invalid(`unsupported sharing value ${JSON.stringify(sharing)}`)
        }
        caches.push({
          id: sharing === 'private' ? `${id}-${container.slice(0, 12)}` : id,
          mode: number('mode', 0o755, 8),
          uid: number('uid', 0, 10),
          gid: number('gid', 0, 10),
          locked: sharing === 'locked',
        })
        mounts.push({
          destination: path,
          type: 'bind',
          source: `${HOST_ROOT}${cachePath(caches.at(-1)?.id ?? id)}`,
          options: ['bind', get('ro', 'readonly') === 'true' ? 'ro' : 'rw'],
        })
        inputs.push([type, path, name])
        break
      }
      default:
        throw invalid(`unsupported mount type ${JSON.stringify(type)}`)
    }
  }
  return {
    mounts,
    files,
    env,
    trees,
    caches,
    inputs,
    targets: mounts.flatMap(({ destination }) => withParents(destination)),
  }
}

/** `/a/b` → `/a`, `/a/b` */
function withParents(path: string): string[] {
  const parts = path.split('/').slice(1)
  return parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)
}

const invalid = (message: string): EngineError => new EngineError('invalid-parameter', message)

/** 64 hex characters of the container's own, told apart by their last four. */
const treeId = (container: string, index: number): string =>
  `${container.slice(0, 60)}${(index + 1).toString(16).padStart(4, '0')}`

/** `64m` as bytes (docker/go-units RAMInBytes). */
function bytesOf(text: string): number {
  const found = /^(\d+(?:\.\d+)?) ?([kmgt]?)i?b?$/i.exec(text)
  if (!found) throw invalid(`invalid size: '${text}'`)
  const power = ['', 'k', 'm', 'g', 't'].indexOf((found[2] ?? '').toLowerCase())
  return Math.floor(Number(found[1]) * 1024 ** power)
}
