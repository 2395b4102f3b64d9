import type { TarMember } from '../../codec/tar/write.ts'
import type { RootfsNode } from '../../core/layer.ts'
import type { MachineFiles } from '../../ports/machine/files.ts'
import { volumePath } from '../volumes/mount-point.ts'
import { planEntries, type PlannedMember } from './copy-plan.ts'
import { writeLayer } from './layer-tar.ts'

/** A directory or a file with attributes of its own, and what is in it. */
export interface FilledPath extends Pick<TarMember, 'mode' | 'uid' | 'gid'> {
  /** Below the volume's own directory. */
  readonly path: string
  /** A directory's contents, or a file. */
  readonly node: RootfsNode | undefined
}

/** Write trees into a volume's directory, beside or instead of its `_data`. */
export async function fillDirectory(
  files: MachineFiles,
  volume: string,
  paths: readonly FilledPath[],
): Promise<void> {
  const members: PlannedMember[] = paths.flatMap(({ path, mode, uid, gid, node }) => {
    const isFile = node !== undefined && node.kind !== 'directory'
    const root: PlannedMember = {
      member: {
        path,
        kind: isFile ? node.kind : 'directory',
        mode,
        uid,
        gid,
        mtime: node?.mtime ?? 0,
        size: isFile ? node.size : 0,
      },
      ...(isFile ? { node } : {}),
    }
    return [root, ...below(node, path)]
  })
  const directory = volumePath(volume).replace(/\/_data$/, '')
  await files.write({ host: true }, directory, writeLayer(members))
}

/** All below a directory as it is. */
function below(node: RootfsNode | undefined, path: string): PlannedMember[] {
  if (!node?.children) return []
  const entries: { path: string; node: RootfsNode }[] = []
  const walk = (directory: RootfsNode, at: string): void => {
    for (const [name, child] of directory.children ?? []) {
      const here = at === '' ? name : `${at}/${name}`
      entries.push({ path: here, node: child })
      walk(child, here)
    }
  }
  walk(node, '')
  // The directory that they go to is a member already.
  const target: RootfsNode = { ...node, children: new Map() }
  return planEntries(entries, {
    sources: [],
    inline: [],
    destination: `/${path}`,
    target: { ...target, children: new Map([[path, target]]) },
    owner: undefined,
    mode: undefined,
    parents: false,
    excludes: () => false,
    now: 0,
  })
}
