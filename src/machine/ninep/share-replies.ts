import type { FrameWriter } from '../../codec/ninep/frame-writer.ts'
import { HEADER } from '../../codec/ninep/wire.ts'
import type { SharedFiles, SharedStat } from '../../ports/shared-files.ts'
import { entryTypeOf, modeOf, qidTypeOf } from './share-facts.ts'
import type { ShareEntry } from './share-fids.ts'

/** P9_GETATTR_BASIC: mode to blocks. */
const GETATTR_BASIC = 0x7ff
const V9FS_MAGIC = 0x01021997
const BLOCK_SIZE = 4096

/** Rgetattr. */
export function attributes(out: FrameWriter, stat: SharedStat): Uint8Array {
  out
    .u64(GETATTR_BASIC)
    .qid(qidTypeOf(stat.kind), stat.inode)
    .u32(modeOf(stat))
    .u32(stat.uid)
    .u32(stat.gid)
    .u64(stat.links)
    .u64(0) // no devices
    .u64(stat.size)
    .u64(BLOCK_SIZE)
    .u64(stat.blocks)
  for (const milliseconds of [stat.accessed, stat.modified, stat.changed]) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000))
    const nanoseconds = Math.round((milliseconds - seconds * 1000) * 1e6)
    out.u64(seconds).u64(Math.min(Math.max(0, nanoseconds), 999_999_999))
  }
  return out.u64(0).u64(0).u64(0).u64(0).finish()
}

/** Rreaddir, as many as fit: from `offset` on, which is an index. */
export function entries(
  out: FrameWriter,
  listing: readonly ShareEntry[],
  offset: number,
  room: number,
): Uint8Array {
  const first = HEADER + 4
  out.u32(0)
  for (let index = offset; index < listing.length; index++) {
    const entry = listing[index]
    if (!entry) break
    const start = out.at
    out
      .qid(qidTypeOf(entry.kind), entry.inode)
      .u64(index + 1)
      .u8(entryTypeOf(entry.kind))
      .name(entry.name)
    if (out.at > first + room) {
      out.at = start
      break
    }
  }
  out.u32At(HEADER, out.at - first)
  return out.finish()
}

/** Rstatfs. */
export function space(
  out: FrameWriter,
  of: ReturnType<SharedFiles['space']> | undefined,
): Uint8Array {
  return out
    .u32(V9FS_MAGIC)
    .u32(of?.blockSize ?? BLOCK_SIZE)
    .u64(of?.blocks ?? 0)
    .u64(of?.free ?? 0)
    .u64(of?.available ?? 0)
    .u64(of?.files ?? 0)
    .u64(of?.filesFree ?? 0)
    .u64(0) // fsid
    .u32(255)
    .finish()
}
