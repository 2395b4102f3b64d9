import { globSource } from '../../codec/dockerfile/ignore.ts'
import type { TarMember } from '../../codec/tar/write.ts'
import { EngineError } from '../../core/error.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { findNode, splitPath, resolveInRoot } from './tree-path.ts'

/** A member of a layer that is being made, and where its content is. */
export interface PlannedMember {
  readonly member: TarMember
  readonly node?: RootfsNode
  /** Content that is in no tree: a here-document. */
  readonly bytes?: Uint8Array
}

export interface CopyRequest {
  /** What is copied from: a build context, a stage or an image. */
  readonly tree: RootfsNode
  /** Relative to the tree's root; may hold wildcards. */
  readonly sources: readonly string[]
  /** Files that are given in the Dockerfile itself. */
  readonly inline: readonly { readonly name: string; readonly bytes: Uint8Array }[]
  /** As written, made absolute; ends with `/` when it must be a directory. */
  readonly destination: string
  /** The stage's file system so far. */
  readonly target: RootfsNode
  /** Undefined keeps the source's owners. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
  readonly mode: ((before: number, isDirectory: boolean) => number) | undefined
  readonly parents: boolean
  /** True for what is left out. */
  readonly excludes: (path: string) => boolean
  /** Seconds since 1970, of directories that are made on the way. */
  readonly now: number
  /** COPY or ADD, for errors. */
  readonly instruction: string
}

/**
 * What a COPY puts into its layer (Dockerfile reference, "COPY"; buildkit solver/llbsolver/file/backend.go).
 * @throws EngineError `invalid-parameter` in Docker's words
 */
export function planCopy(request: CopyRequest): PlannedMember[] {
  const { tree, destination, target, instruction } = request
  const found = request.sources.flatMap((source) => matches(tree, source, request))
  const count = found.length + request.inline.length
  const mustBeDirectory = destination.endsWith('/')
  if (request.sources.length + request.inline.length > 1 && !mustBeDirectory) {
    throw new EngineError(
      'invalid-parameter',
      `When using ${instruction} with more than one source file, the destination must be a directory and end with a /`,
    )
  }
  const base = resolveInRoot(target, destination)
  const exists = findNode(target, base)
  const plan = new Plan(request)
  const intoDirectory =
    mustBeDirectory || exists?.kind === 'directory' || count > 1 || request.parents
  for (const { path, node } of found) {
    if (request.parents) plan.addWithParents(base, path, node)
    else if (node.kind === 'directory') plan.addContents(base, path, node)
    else plan.addNode(intoDirectory ? join(base, splitPath(path).name) : base, path, node)
  }
  for (const { name, bytes } of request.inline) {
    plan.addBytes(intoDirectory ? join(base, name) : base, bytes)
  }
  return plan.members
}

const join = (directory: string, name: string): string =>
  directory === '' ? name : name === '' ? directory : `${directory}/${name}`

/** Collects members, each directory on the way once. */
class Plan {
  readonly members: PlannedMember[] = []
  readonly #request: CopyRequest
  readonly #made = new Set<string>([''])
  /** Hard links stay links within what is copied. */
  readonly #linked = new Map<RootfsNode, string>()

  constructor(request: CopyRequest) {
    this.#request = request
  }

  addContents(to: string, from: string, directory: RootfsNode): void {
    this.#makeParents(to)
    this.#addDirectory(to, findNode(this.#request.target, to) ? undefined : directory)
    for (const [name, child] of sorted(directory))
      this.#addTree(join(to, name), join(from, name), child)
  }

  addNode(to: string, from: string, node: RootfsNode): void {
    this.#makeParents(to)
    this.#addTree(to, from, node)
  }

  /** `--parents`: the path is kept from a `/./` on. */
  addWithParents(base: string, path: string, node: RootfsNode): void {
    const kept = path.includes('/./') ? path.slice(path.indexOf('/./') + 3) : path
    this.#makeParents(join(base, kept))
    this.#addTree(join(base, kept), path, node)
  }

  addBytes(to: string, bytes: Uint8Array): void {
    this.#makeParents(to)
    const { owner, mode, now } = this.#request
    this.members.push({
      member: {
        path: to,
        kind: 'file',
        mode: mode?.(0o644, false) ?? 0o644,
        uid: owner?.uid ?? 0,
        gid: owner?.gid ?? 0,
        mtime: now,
        size: bytes.length,
      },
      bytes,
    })
  }

  #addTree(to: string, from: string, node: RootfsNode): void {
    if (this.#request.excludes(from)) return
    if (node.kind !== 'directory') {
      this.#addFile(to, node)
      return
    }
    this.#addDirectory(to, node)
    for (const [name, child] of sorted(node)) this.#addTree(join(to, name), join(from, name), child)
  }

  #addFile(to: string, node: RootfsNode): void {
    const known = node.links > 1 ? this.#linked.get(node) : undefined
    if (known !== undefined) {
      this.members.push({
        member: { ...this.#memberOf(to, node), kind: 'hardlink', target: known, size: 0 },
      })
      return
    }
    if (node.links > 1) this.#linked.set(node, to)
    this.members.push({ member: this.#memberOf(to, node), node })
  }

  #addDirectory(path: string, like: RootfsNode | undefined): void {
    if (this.#made.has(path)) return
    this.#made.add(path)
    const existing = findNode(this.#request.target, path)
    if (existing?.kind === 'directory' && !like) return
    const { owner, mode, now } = this.#request
    this.members.push({
      member: like
        ? this.#memberOf(path, like)
        : {
            path,
            kind: 'directory',
            mode: mode?.(0o755, true) ?? 0o755,
            uid: owner?.uid ?? 0,
            gid: owner?.gid ?? 0,
            mtime: now,
            size: 0,
          },
    })
  }

  #makeParents(path: string): void {
    const { parent } = splitPath(path)
    if (parent === '' || this.#made.has(parent)) return
    this.#makeParents(parent)
    this.#addDirectory(parent, undefined)
  }

  #memberOf(path: string, node: RootfsNode): TarMember {
    const { owner, mode } = this.#request
    return {
      path,
      kind: node.kind,
      mode:
        node.kind === 'symlink'
          ? node.mode
          : (mode?.(node.mode, node.kind === 'directory') ?? node.mode),
      uid: owner?.uid ?? node.uid,
      gid: owner?.gid ?? node.gid,
      mtime: node.mtime,
      size: node.kind === 'file' ? node.size : 0,
      ...(node.target === undefined ? {} : { target: node.target }),
      ...(node.major === undefined ? {} : { major: node.major }),
      ...(node.minor === undefined ? {} : { minor: node.minor }),
      ...(node.xattrs ? { xattrs: node.xattrs } : {}),
    }
  }
}

const sorted = (node: RootfsNode): [string, RootfsNode][] =>
  [...(node.children ?? [])].sort(([left], [right]) => (left < right ? -1 : 1))

interface Match {
  readonly path: string
  readonly node: RootfsNode
}

/** Nodes that a source names; links on the way are followed, as `COPY link/file` does. */
function matches(tree: RootfsNode, source: string, request: CopyRequest): Match[] {
  const path = clean(source)
  if (!/[*?[\\]/.test(path)) {
    const node = findNode(tree, resolveInRoot(tree, path))
    if (!node || (path !== '' && request.excludes(path) && node.kind !== 'directory')) {
      throw notFound(source)
    }
    return [{ path, node }]
  }
  let found: Match[] = [{ path: '', node: tree }]
  for (const part of path.split('/')) {
    const pattern = new RegExp(`^${globSource(part)}$`, 'su')
    found = found.flatMap(({ path: above, node }) =>
      sorted(node)
        .filter(([name]) => pattern.test(name))
        .map(([name, child]) => ({ path: join(above, name), node: child })),
    )
  }
  found = found.filter(({ path: name }) => !request.excludes(name))
  if (found.length === 0) throw notFound(source)
  return found
}

const notFound = (source: string): EngineError =>
  new EngineError('invalid-parameter', `"${source.startsWith('/') ? '' : '/'}${source}": not found`)

/** Without `.`, `..` and outer slashes; `..` can't leave the root, as in Docker. */
function clean(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}
