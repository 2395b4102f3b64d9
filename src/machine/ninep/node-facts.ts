import { encodeName } from '../../codec/name-bytes.ts'
import { qidType } from '../../codec/ninep/wire.ts'
import type { RootfsNode } from '../../core/layer.ts'

/** File types of `st_mode` (POSIX; Linux include/uapi/linux/stat.h). */
const S_IF: Readonly<Record<RootfsNode['kind'], number>> = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
}

/** `d_type` of readdir (Linux include/linux/fs_types.h). */
const DT: Readonly<Record<RootfsNode['kind'], number>> = {
  fifo: 1,
  character: 2,
  directory: 4,
  block: 6,
  file: 8,
  symlink: 10,
}

export const modeOf = (node: RootfsNode): number => S_IF[node.kind] | node.mode
export const direntTypeOf = (node: RootfsNode): number => DT[node.kind]

export const qidTypeOf = (node: RootfsNode): number =>
  node.kind === 'directory'
    ? qidType.directory
    : node.kind === 'symlink'
      ? qidType.symlink
      : qidType.file

/** As the kernel packs it (include/linux/kdev_t.h, new_encode_dev). */
export function deviceOf({ major = 0, minor = 0 }: RootfsNode): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0
}

export function sizeOf(node: RootfsNode): number {
  if (node.kind === 'directory') return 4096
  return node.kind === 'symlink' ? encodeName(node.target ?? '').length : node.size
}

/** The overlay's own marks come from its upper directory alone; an image must not set them. */
const isVisible = (name: string): boolean => !name.startsWith('trusted.overlay.')

export function xattrOf(node: RootfsNode, name: string): Uint8Array | undefined {
  return node.xattrs && Object.hasOwn(node.xattrs, name) && isVisible(name)
    ? node.xattrs[name]
    : undefined
}

/** Names, each ended by a zero (listxattr). */
export function xattrNamesOf(node: RootfsNode): Uint8Array {
  const names = Object.keys(node.xattrs ?? {}).filter(isVisible)
  return encodeName(names.map((name) => `${name}\0`).join(''))
}

/** Numbers of nodes, one for each as long as it lives: below 2^32, as i386 has no larger inode numbers. */
export class NodeNumbers {
  readonly #numbers = new WeakMap<RootfsNode, number>()
  #next = 16

  of(node: RootfsNode): number {
    const known = this.#numbers.get(node)
    if (known !== undefined) return known
    const number = this.#next++
    if (number >= 2 ** 32) throw new Error('No inode number is left')
    this.#numbers.set(node, number)
    return number
  }
}
