import { EngineError } from '../../core/error.ts'
import type { RootfsNode } from '../../core/layer.ts'

export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
}

const maxId = 2_147_483_647
const maxFileSize = 4 * 1024 * 1024
const isNumber = (text: string): boolean => /^\d+$/.test(text)

/**
 * Who `user[:group]` is, by the passwd and group files of the image's tree (moby/sys user, GetExecUser).
 * @param spec names or numbers; empty: root
 * @param groupAdd further groups, by name or number
 * @throws EngineError `internal` with Docker's sentence for an unknown user or group
 */
export async function resolveUser(
  root: RootfsNode,
  spec: string,
  groupAdd: readonly string[],
): Promise<ResolvedUser> {
  const passwd = await records(root, ['etc', 'passwd'])
  const groups = await records(root, ['etc', 'group'])
  const [userPart = '', groupPart = ''] = spec.split(':')
  const entry = passwd.find(([name, , uid]) =>
    userPart === ''
      ? uid === '0'
      : name === userPart || (isNumber(userPart) && Number(uid) === Number(userPart)),
  )
  let uid = 0
  let gid = 0
  if (entry) {
    uid = toId(entry[2] ?? '0')
    gid = toId(entry[3] ?? '0')
  } else if (userPart !== '') {
    if (!isNumber(userPart)) {
      throw new EngineError(
        'internal',
        `unable to find user ${userPart}: no matching entries in passwd file`,
      )
    }
    uid = toId(userPart)
  }
  const supplementary: number[] = []
  if (groupPart !== '') gid = groupId(groups, groupPart)
  else if (entry) {
    for (const [, , id = '0', members = ''] of groups) {
      if (members.split(',').includes(entry[0] ?? '')) supplementary.push(toId(id))
    }
  }
  const added = groupAdd.map((name) => groupId(groups, name))
  return { uid, gid, additionalGids: [...new Set([gid, ...supplementary, ...added])] }
}

function groupId(groups: readonly (readonly string[])[], wanted: string): number {
  const entry = groups.find(
    ([name, , gid]) => name === wanted || (isNumber(wanted) && Number(gid) === Number(wanted)),
  )
  if (entry) return toId(entry[2] ?? '0')
  if (isNumber(wanted)) return toId(wanted)
  throw new EngineError(
    'internal',
    `unable to find group ${wanted}: no matching entries in group file`,
  )
}

function toId(text: string): number {
  const id = Number(text)
  if (!(id >= 0 && id <= maxId)) {
    throw new EngineError('internal', `uids and gids must be in range 0-${maxId}`)
  }
  return id
}

/** Lines of a colon-separated file; none when there is no such file. */
async function records(root: RootfsNode, path: readonly string[]): Promise<string[][]> {
  const node = lookUp(root, path, 40)
  if (node?.kind !== 'file' || !node.source) return []
  const bytes = await node.source.read(node.offset, Math.min(node.size, maxFileSize))
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))
}

/** Follows symbolic links inside the tree, at most `links` of them. */
function lookUp(root: RootfsNode, path: readonly string[], links: number): RootfsNode | undefined {
  let trail: RootfsNode[] = [root]
  for (const [index, name] of path.entries()) {
    if (name === '' || name === '.') continue
    if (name === '..') {
      if (trail.length > 1) trail = trail.slice(0, -1)
      continue
    }
    const node = trail.at(-1)?.children?.get(name)
    if (!node) return undefined
    if (node.kind !== 'symlink') {
      trail = [...trail, node]
      continue
    }
    if (links === 0) return undefined
    const target = (node.target ?? '').split('/')
    const rest = path.slice(index + 1)
    const before = target[0] === '' ? [] : pathOf(trail)
    return lookUp(root, [...before, ...target, ...rest], links - 1)
  }
  return trail.at(-1)
}

function pathOf(trail: readonly RootfsNode[]): string[] {
  return trail.slice(1).map((node, index) => {
    for (const [name, child] of trail[index]?.children ?? []) if (child === node) return name
    return ''
  })
}
