import type { RootfsNode } from '../../core/layer.ts'

/** As Linux: more links than this in one path are a loop. */
const LINKS_MAX = 40

export function splitPath(path: string): { readonly parent: string; readonly name: string } {
  const at = path.lastIndexOf('/')
  return at < 0
    ? { parent: '', name: path }
    : { parent: path.slice(0, at), name: path.slice(at + 1) }
}

/** The node at a path without links on the way; undefined when there is none. */
export function findNode(root: RootfsNode, path: string): RootfsNode | undefined {
  let node: RootfsNode | undefined = root
  for (const part of path.split('/')) {
    if (part === '') continue
    node = node?.children?.get(part)
  }
  return node
}

/**
 * The path with its links followed, within the root; what isn't there stays as it is. Relative, without outer slashes.
 */
export function resolveInRoot(root: RootfsNode, path: string): string {
  const rest = path.split('/')
  const done: string[] = []
  let links = 0
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      done.pop()
      continue
    }
    const node = findNode(root, [...done, part].join('/'))
    if (node?.kind === 'symlink' && node.target !== undefined && links < LINKS_MAX) {
      links++
      if (node.target.startsWith('/')) done.length = 0
      rest.unshift(...node.target.split('/'))
    } else done.push(part)
  }
  return done.join('/')
}
