import { mountPoints } from '../../core/default-mounts.ts'
import type { RootfsNode } from '../../core/layer.ts'

/** What is in every step's container as a mount point only: those of any container, and what its layer must not show besides. */
export const stepMountPoints: readonly string[] = [
  ...mountPoints,
  '/dev/mqueue',
  '/dev/pipes',
  '/run',
  '/sys/fs/cgroup',
]

interface Directory extends RootfsNode {
  readonly children: Map<string, RootfsNode>
  links: number
}

/**
 * A step's own tree: with the mount points that it lacks, as Docker has them in a layer of their own below a container's
 * (moby daemon/initlayer/setup_unix.go). On the disk they would cost a step more than all else that it writes there. What
 * an image has in their place, such as a link, guestd follows.
 * @param mtime seconds since 1970
 */
export function withMountPoints(root: RootfsNode, mtime: number): RootfsNode {
  const known = made.get(root) ?? copyWithMountPoints(root, mtime)
  made.set(root, known)
  return known
}

/** One for each tree, as the guest knows its directories again. */
const made = new WeakMap<RootfsNode, RootfsNode>()

function copyWithMountPoints(root: RootfsNode, mtime: number): RootfsNode {
  const attributes = { mode: 0o755, uid: 0, gid: 0, mtime, size: 0, offset: 0 }
  const own = copyOf(root)
  for (const name of ['dev', 'etc', 'proc', 'sys']) {
    if (own.children.has(name)) continue
    own.children.set(name, { ...attributes, kind: 'directory', links: 2, children: new Map() })
    own.links++
  }
  const etc = own.children.get('etc')
  if (!isDirectory(etc)) return own
  for (const name of ['hostname', 'hosts', 'resolv.conf']) {
    if (!etc.children.has(name)) etc.children.set(name, { ...attributes, kind: 'file', links: 1 })
  }
  return own
}

/** Directories are new: the guest takes one node for one directory, wherever it finds it, and others may have this tree. */
function copyOf(node: RootfsNode): Directory {
  const children = new Map(node.children)
  for (const [name, child] of children) {
    if (child.kind === 'directory') children.set(name, copyOf(child))
  }
  return { ...node, children }
}

const isDirectory = (node: RootfsNode | undefined): node is Directory => node?.kind === 'directory'
