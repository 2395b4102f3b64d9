import { EngineError } from '../core/error.ts'
import type { ContentSource, Layer, LayerEntry, RootfsNode } from '../core/layer.ts'

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'
/** Members that speak to eStargz readers alone (stargz-snapshotter docs/estargz.md); they lie at a layer's root. */
const MARKS = new Set(['.prefetch.landmark', '.no.prefetch.landmark', 'stargz.index.json'])

interface Directory extends RootfsNode {
  readonly kind: 'directory'
  children: Map<string, RootfsNode>
  links: number
}

/**
 * The tree that layers make, the lowest first (image-spec v1.1.1, layer.md). Nodes of files are shared by all trees made of
 * the same Layer objects, so that a guest caches each file once; directories are new for each tree.
 * @throws EngineError `invalid-parameter` when a hard link's target is missing
 */
export function mergeLayers(layers: readonly Layer[]): RootfsNode {
  const root = makeDirectory()
  for (const layer of layers) {
    applyWhiteouts(root, layer.entries)
    applyEntries(root, layer)
  }
  countLinks(root)
  return root
}

const makeDirectory = (entry?: LayerEntry): Directory => ({
  kind: 'directory',
  mode: entry?.mode ?? 0o755,
  uid: entry?.uid ?? 0,
  gid: entry?.gid ?? 0,
  mtime: entry?.mtime ?? 0,
  size: 0,
  offset: 0,
  ...(entry?.xattrs ? { xattrs: entry.xattrs } : {}),
  links: 2,
  children: new Map(),
})

const isDirectory = (node: RootfsNode | undefined): node is Directory => node?.kind === 'directory'

function split(path: string): { readonly parent: string; readonly name: string } {
  const slash = path.lastIndexOf('/')
  return { parent: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1) }
}

/** What is there, without following links: a layer's paths never go through one. */
function find(root: Directory, path: string): RootfsNode | undefined {
  if (path === '') return root
  let node: RootfsNode | undefined = root
  for (const part of path.split('/')) {
    if (!isDirectory(node)) return undefined
    node = node.children.get(part)
  }
  return node
}

/**
 * A whiteout hides lower layers only; a file of the same layer survives it, whichever comes first in the archive
 * (image-spec v1.1.1, layer.md#whiteouts). So all of them are applied before the layer's own entries.
 */
function applyWhiteouts(root: Directory, entries: readonly LayerEntry[]): void {
  for (const { path } of entries) {
    const { parent, name } = split(path)
    if (!name.startsWith(WHITEOUT)) continue
    const directory = find(root, parent)
    if (!isDirectory(directory)) continue
    if (name === OPAQUE) directory.children.clear()
    else directory.children.delete(name.slice(WHITEOUT.length))
  }
}

function applyEntries(root: Directory, layer: Layer): void {
  // Archives list a directory's members together: most entries have the parent of the one before.
  let lastPath = ''
  let lastParent = root
  for (const entry of layer.entries) {
    const { parent, name } = split(entry.path)
    if (name.startsWith(WHITEOUT) || (parent === '' && MARKS.has(name))) continue
    if (entry.path === '') {
      if (entry.kind === 'directory') update(root, entry)
      continue
    }
    if (parent !== lastPath) {
      lastParent = openDirectory(root, parent)
      lastPath = parent
    }
    const before = lastParent.children.get(name)
    if (entry.kind === 'directory') {
      if (isDirectory(before)) update(before, entry)
      else lastParent.children.set(name, makeDirectory(entry))
      continue
    }
    lastParent.children.set(name, nodeOf(root, entry, layer.source))
  }
}

/** Directories that a layer doesn't list stay as lower layers have them, or are root's with 0755 as Docker makes them. */
function openDirectory(root: Directory, path: string): Directory {
  let node = root
  if (path === '') return node
  for (const part of path.split('/')) {
    let child = node.children.get(part)
    if (!isDirectory(child)) {
      child = makeDirectory()
      node.children.set(part, child)
    }
    node = child as Directory
  }
  return node
}

function update(directory: Directory, entry: LayerEntry): void {
  const { mode, uid, gid, mtime, xattrs } = entry
  Object.assign(directory, { mode, uid, gid, mtime, xattrs })
}

interface FileNode extends RootfsNode {
  links: number
}

/** One node for each entry, so that images that share a layer share its files. */
const nodes = new WeakMap<LayerEntry, FileNode>()
/** Hard links, and the node among whose links each is counted. */
const counted = new WeakMap<LayerEntry, RootfsNode>()

function nodeOf(root: Directory, entry: LayerEntry, source: ContentSource): RootfsNode {
  if (entry.kind === 'hardlink') return linkTarget(root, entry)
  const { kind, mode, uid, gid, mtime, size, offset, target, major, minor, xattrs } = entry
  const known = nodes.get(entry)
  // A layer that was opened anew has the same entries and another source.
  if (known && (kind !== 'file' || known.source === source)) return known
  const node: FileNode = {
    kind,
    mode,
    uid,
    gid,
    mtime,
    size,
    offset,
    links: 1,
    ...(kind === 'file' ? { source } : {}),
    ...(target === undefined ? {} : { target }),
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    ...(xattrs ? { xattrs } : {}),
  }
  nodes.set(entry, node)
  return node
}

function linkTarget(root: Directory, entry: LayerEntry): RootfsNode {
  const target = find(root, entry.target ?? '')
  if (!target || target.kind === 'directory')
    throw new EngineError(
      'invalid-parameter',
      `failed to register layer: link /${entry.target ?? ''} /${entry.path}: no such file or directory`,
    )
  // As overlayfs has it: names that a higher layer hides still count.
  if (counted.get(entry) !== target) {
    counted.set(entry, target)
    ;(target as FileNode).links++
  }
  return target
}

/** A directory has 2 and its subdirectories, as `find` expects. */
function countLinks(directory: Directory): void {
  directory.links = 2
  for (const child of directory.children.values()) {
    if (!isDirectory(child)) continue
    directory.links++
    countLinks(child)
  }
}
