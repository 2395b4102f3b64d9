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

/** A node that a source of a COPY names. */
export interface Selected {
  /** In the source's tree, clean. */
  readonly path: string
  readonly node: RootfsNode
  /** `--parents`: what of the path is kept. */
  readonly kept: string
}

/** A content that is written in the Dockerfile itself, or was downloaded. */
export interface InlineFile {
  readonly name: string
  readonly bytes: Uint8Array
  readonly mode?: number
  /** Seconds since 1970. */
  readonly mtime?: number
}

export interface CopyRequest {
  readonly sources: readonly Selected[]
  readonly inline: readonly InlineFile[]
  /** As written, made absolute; ends with `/` when it must be a directory. */
  readonly destination: string
  /** The stage's file system so far. */
  readonly target: RootfsNode
  /** Undefined keeps the source's owners. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
  readonly mode: ((before: number, isDirectory: boolean) => number) | undefined
  /** Of directories that are made on the way; undefined: 755. */
  readonly madeMode?: number | undefined
  readonly parents: boolean
  /** True for what is left out of a directory, by its path in there. */
  readonly excludes: (path: string) => boolean
  /** Seconds since 1970, of what is made on the way. */
  readonly now: number
}

/** What a COPY puts into its layer (Dockerfile reference, "COPY"; buildkit solver/llbsolver/file/backend.go). */
export function planCopy(request: CopyRequest): PlannedMember[] {
  const { sources, inline, destination, target, parents } = request
  const base = resolveInRoot(target, destination)
  const existing = findNode(target, base)?.kind
  const plan = new Plan(request)
  let isDirectory = destination.endsWith('/') || existing === 'directory' || parents
  for (const { path, node, kept } of sources) {
    if (parents) plan.addWithParents(base, kept, node)
    else if (node.kind === 'directory') {
      if (!isDirectory && (existing !== undefined || plan.members.length > 0)) {
        throw new EngineError('invalid-parameter', `cannot copy to non-directory: /${base}`)
      }
      plan.addContents(base, node)
      isDirectory = true
    } else plan.addNode(isDirectory ? join(base, splitPath(path).name) : base, node)
  }
  for (const file of inline) plan.addBytes(isDirectory ? join(base, file.name) : base, file)
  return plan.members
}

/** Members that an unpacked archive puts below a directory. */
export function planEntries(
  entries: readonly { readonly path: string; readonly node: RootfsNode }[],
  request: CopyRequest,
): PlannedMember[] {
  const base = resolveInRoot(request.target, request.destination)
  const plan = new Plan(request)
  for (const { path, node } of entries) plan.addEntry(join(base, path), node)
  return plan.members
}

/** A directory and those above it that aren't there yet; nothing when all are. */
export function planDirectory(
  path: string,
  request: Pick<CopyRequest, 'target' | 'owner' | 'now'>,
): PlannedMember[] {
  const base = resolveInRoot(request.target, path)
  const plan = new Plan({
    ...request,
    sources: [],
    inline: [],
    destination: path,
    mode: undefined,
    parents: false,
    excludes: () => false,
  })
  plan.makeDirectory(base)
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

  /** The directory itself is made as any other on the way: only what lies in it comes with its attributes. */
  addContents(to: string, directory: RootfsNode): void {
    this.makeDirectory(to)
    for (const [name, child] of sorted(directory)) this.#addTree(join(to, name), name, child)
  }

  addNode(to: string, node: RootfsNode): void {
    this.#makeParents(to)
    this.#addTree(to, '', node)
  }

  addWithParents(base: string, kept: string, node: RootfsNode): void {
    this.addNode(join(base, kept), node)
  }

  addBytes(to: string, { bytes, mode: own = 0o644, mtime }: InlineFile): void {
    this.#makeParents(to)
    const { owner, mode, now } = this.#request
    this.members.push({
      member: {
        path: to,
        kind: 'file',
        mode: mode?.(own, false) ?? own,
        uid: owner?.uid ?? 0,
        gid: owner?.gid ?? 0,
        mtime: mtime ?? now,
        size: bytes.length,
      },
      bytes,
    })
  }

  /** One node without what lies in it. */
  addEntry(to: string, node: RootfsNode): void {
    this.#makeParents(to)
    if (node.kind === 'directory') this.#addDirectory(to, node)
    else this.#addFile(to, node)
  }

  makeDirectory(path: string): void {
    if (path === '') return
    this.#makeParents(path)
    this.#addDirectory(path, undefined)
  }

  #addTree(to: string, from: string, node: RootfsNode): void {
    if (from !== '' && this.#request.excludes(from)) return
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
    const { owner, madeMode = 0o755, now } = this.#request
    this.members.push({
      member: like
        ? this.#memberOf(path, like)
        : {
            path,
            kind: 'directory',
            mode: madeMode,
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

/**
 * Nodes that a COPY's sources name, each source's in the order of their names. Links are followed, as `COPY link/file`
 * and `COPY link` do.
 * @throws SourceNotFound
 */
export function selectSources(tree: RootfsNode, sources: readonly string[]): Selected[] {
  return sources.flatMap((source) => {
    const pivot = source.indexOf('/./')
    const above = pivot < 0 ? 0 : clean(source.slice(0, pivot)).split('/').filter(Boolean).length
    return matches(tree, source).map(({ path, node }) => ({
      path,
      node,
      kept: path.split('/').slice(above).join('/'),
    }))
  })
}

type Match = Pick<Selected, 'path' | 'node'>

function matches(tree: RootfsNode, source: string): readonly Match[] {
  const path = clean(source)
  if (!/[*?[\\]/.test(path)) {
    const node = findNode(tree, resolveInRoot(tree, path))
    if (!node) throw new SourceNotFound(source)
    return [{ path, node }]
  }
  let found: readonly Match[] = [{ path: '', node: tree }]
  for (const part of path.split('/')) {
    if (part === '**') {
      found = found.flatMap((match) => withDirectories(match))
      continue
    }
    const pattern = new RegExp(`^${globSource(part)}$`, 'su')
    found = found.flatMap(({ path: above, node }) =>
      sorted(node)
        .filter(([name]) => pattern.test(name))
        .map(([name, child]) => ({ path: join(above, name), node: child })),
    )
  }
  found = found.map(({ path: name, node }) => ({
    path: name,
    node: node.kind === 'symlink' ? (findNode(tree, resolveInRoot(tree, name)) ?? node) : node,
  }))
  if (found.length === 0) throw new SourceNotFound(source)
  return found
}

/** A directory and all below it. */
const withDirectories = (match: Match): Match[] => [
  match,
  ...sorted(match.node)
    .filter(([, child]) => child.kind === 'directory')
    .flatMap(([name, node]) => withDirectories({ path: join(match.path, name), node })),
]

/** A source that isn't there, in BuildKit's words; the classic builder has others. */
export class SourceNotFound extends EngineError {
  readonly source: string

  constructor(source: string) {
    super('invalid-parameter', `"${source.startsWith('/') ? '' : '/'}${clean(source)}": not found`)
    this.source = source
  }
}

/** Without `.`, `..` and outer slashes; `..` can't leave the root, as in Docker. */
function clean(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}
