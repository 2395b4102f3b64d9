import { createHash } from 'node:crypto'
import type { RootfsNode } from '../../src/core/layer.ts'
import type { ImageContent } from './build-images.ts'

/** What an image is beyond its base, in lines that can be compared and read. */
export interface ImageRecord {
  readonly layers: number
  /** Paths that the base has not, or not so. */
  readonly files: readonly string[]
  /** Paths of the base that are gone. */
  readonly gone: readonly string[]
  readonly history: readonly string[]
  readonly config: unknown
}

/** @param base the image that it is built on, or not: `FROM scratch` has none */
export function recordOf({ config, layers, root }: ImageContent, base: ImageContent): ImageRecord {
  const { diff_ids: ids } = config.rootfs
  const below = base.config.rootfs.diff_ids
  const isOnBase = below.every((id, at) => ids[at] === id)
  const { Env, Labels, ...defaults } = config.config ?? {}
  const inherited = isOnBase ? (base.config.config ?? {}) : {}
  const baseHistory = isOnBase ? (base.config.history ?? []).length : 0
  const before = isOnBase ? linesOf(base.root, undefined) : new Map<string, string>()
  const after = linesOf(root, isOnBase ? undefined : base.root)
  return {
    layers: layers.length - (isOnBase ? below.length : 0),
    files: [...after].flatMap(([path, line]) => (before.get(path) === line ? [] : [line])).sort(),
    gone: [...before.keys()].filter((path) => !after.has(path)).sort(),
    history: (config.history ?? [])
      .slice(baseHistory)
      .map(
        ({ created_by: by = '', empty_layer: isEmpty }) =>
          `${isEmpty === true ? '- ' : '+ '}${by.replaceAll(/BUILDARCH=\w+/g, 'BUILDARCH=own')}`,
      ),
    config: {
      ...own(defaults, inherited),
      Env: (Env ?? []).filter((line) => !(inherited.Env ?? []).includes(line)),
      Labels: own(Labels ?? {}, inherited.Labels ?? {}),
    },
  }
}

/** What isn't the base's, without members that one engine writes and the other leaves out when they say nothing. */
const own = (members: object, inherited: object): object => {
  const before = new Map(
    Object.entries(inherited).map(([name, value]) => [name, JSON.stringify(value)]),
  )
  return Object.fromEntries(
    Object.entries(members)
      .filter(([name, value]) => name !== 'ArgsEscaped' && value !== null && value !== '')
      .filter(([name, value]) => before.get(name) !== JSON.stringify(value))
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  )
}

/** A time before 2020 was set by an archive or a step; later ones are those of the build, or of a checkout. */
const SET_BEFORE = 1_577_836_800

/** Directories that are there for mounts, in images that engines have run steps on. */
const MOUNT_POINTS = new Set(['dev', 'etc', 'proc', 'run', 'sys'])

/** @param known a tree whose files are told by that alone: that is short, and true of any busybox */
function linesOf(root: RootfsNode, known: RootfsNode | undefined): Map<string, string> {
  const lines = new Map<string, string>()
  const walk = (node: RootfsNode, above: string, like: RootfsNode | undefined): void => {
    for (const [name, child] of node.children ?? []) {
      const same = like?.children?.get(name)
      const path = above === '' ? name : `${above}/${name}`
      if (!MOUNT_POINTS.has(path)) lines.set(path, lineOf(path, child, same))
      walk(child, path, same)
    }
  }
  walk(root, '', known)
  return lines
}

function lineOf(path: string, node: RootfsNode, same: RootfsNode | undefined): string {
  const { kind, mode, uid, gid, mtime, target, links } = node
  const isSame = same?.kind === 'file' && digestOf(same) === digestOf(node)
  const content = kind === 'file' ? ` ${isSame ? 'as in the base' : digestOf(node)}` : ''
  const names = kind !== 'directory' && links > 1 ? ` ${links} names` : ''
  // A link's own mode means nothing.
  const shown = kind === 'symlink' ? '777' : mode.toString(8)
  const to = target === undefined ? '' : ` -> ${target}`
  const time = mtime < SET_BEFORE && !isSame ? ` @${mtime}` : ''
  return `${path} ${kind} ${shown} ${uid}:${gid}${content}${names}${to}${time}`
}

function digestOf({ source, offset, size }: RootfsNode): string {
  const bytes = (source?.read(offset, size) ?? new Uint8Array()) as Uint8Array
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12)
}
