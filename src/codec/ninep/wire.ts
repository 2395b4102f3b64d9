/**
 * 9P2000.L on the wire (diod protocol.md; Linux 6.12 include/net/9p/9p.h): u32 size of the whole frame, u8 type, u16 tag,
 * fields; little endian, strings with a u16 length before them. A reply's type is its request's plus one.
 */
export const HEADER = 7
/** Largest frame Linux's virtio transport can take, in bytes (facts of net/9p/trans_virtio.c: 125 pages of 4096). */
export const MSIZE_MAX = 512_000
export const MSIZE_MIN = 4096
export const NOTAG = 0xffff
/** Most names of one Twalk (9P2000 MAXWELEM). */
export const WALK_MAX = 16
export const VERSION = '9P2000.L'

export const request = {
  statfs: 8,
  lopen: 12,
  lcreate: 14,
  symlink: 16,
  mknod: 18,
  rename: 20,
  readlink: 22,
  getattr: 24,
  setattr: 26,
  xattrwalk: 30,
  xattrcreate: 32,
  readdir: 40,
  fsync: 50,
  lock: 52,
  getlock: 54,
  link: 70,
  mkdir: 72,
  renameat: 74,
  unlinkat: 76,
  version: 100,
  auth: 102,
  attach: 104,
  flush: 108,
  walk: 110,
  read: 116,
  write: 118,
  clunk: 120,
  remove: 122,
} as const

/** Type of the reply to any request that failed: u32 errno. */
export const RLERROR = 7

/** Linux's numbers, i386. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  ENOTSUP: 95,
  ESTALE: 116,
  EDQUOT: 122,
} as const

export const qidType = { directory: 0x80, symlink: 0x02, file: 0x00 } as const
