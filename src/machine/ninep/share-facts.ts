import { errno, qidType } from '../../codec/ninep/wire.ts'
import type { SharedChange, SharedOpen, SharedStat } from '../../ports/shared-files.ts'

/** File types of `st_mode` and of readdir (Linux include/uapi/linux/stat.h, include/linux/fs_types.h). A device of the machine's would
 * be one of the guest's to the guest: it sees a socket that nobody serves. */
const types: Readonly<Record<SharedStat['kind'], readonly [mode: number, entry: number]>> = {
  fifo: [0o010000, 1],
  directory: [0o040000, 4],
  file: [0o100000, 8],
  symlink: [0o120000, 10],
  socket: [0o140000, 12],
  device: [0o140000, 12],
}

export const modeOf = ({ kind, mode }: SharedStat): number => types[kind][0] | mode

export const entryTypeOf = (kind: string): number => types[kind as SharedStat['kind']][1]

export const qidTypeOf = (kind: string): number =>
  kind === 'directory' ? qidType.directory : kind === 'symlink' ? qidType.symlink : qidType.file

/** Linux's number for what the system, or a share, threw. */
export function errnoOf(error: unknown): number | undefined {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' && Object.hasOwn(errno, code)
    ? errno[code as keyof typeof errno]
    : undefined
}

/** One component of a path, for what is to be made or taken away. */
export const isName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)

export const joinPath = (directory: string, name: string): string =>
  directory === '' ? name : `${directory}/${name}`

export const parentPath = (path: string): string =>
  path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''

/** Bits of Tsetattr (Linux include/net/9p/9p.h, P9_ATTR_*). */
const bit = {
  mode: 1,
  uid: 2,
  gid: 4,
  size: 8,
  accessed: 16,
  modified: 32,
  accessedSet: 128,
  modifiedSet: 256,
} as const

/** @param now seconds since 1970, for times that the guest leaves to us */
export function changeOf(valid: number, given: Required<SharedChange>, now: number): SharedChange {
  const has = (mask: number): boolean => (valid & mask) !== 0
  return {
    ...(has(bit.mode) ? { mode: given.mode & 0o7777 } : {}),
    ...(has(bit.uid) ? { uid: given.uid } : {}),
    ...(has(bit.gid) ? { gid: given.gid } : {}),
    ...(has(bit.size) ? { size: given.size } : {}),
    ...(has(bit.accessed) ? { accessed: has(bit.accessedSet) ? given.accessed : now } : {}),
    ...(has(bit.modified) ? { modified: has(bit.modifiedSet) ? given.modified : now } : {}),
  }
}

/** A refusal of the server's own, as the system's are. */
export function refuse(code: keyof typeof errno): never {
  throw Object.assign(new Error(code), { code })
}

/** Open flags of 9P2000.L, which are Linux's generic ones. */
export const openFlag = { access: 3, exclusive: 0o200, truncate: 0o1000, append: 0o2000 } as const

export function openOf(flags: number): SharedOpen {
  const access = flags & openFlag.access
  return {
    read: access !== 1,
    write: access === 1 || access === 2,
    append: (flags & openFlag.append) !== 0,
    truncate: (flags & openFlag.truncate) !== 0 && access !== 0,
  }
}
