import type { FrameReader } from '../../codec/ninep/frame-reader.ts'
import { FrameWriter } from '../../codec/ninep/frame-writer.ts'
import { errno, HEADER, request, WALK_MAX } from '../../codec/ninep/wire.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { FidTable, listingOf, type Place } from './fid.ts'
import {
  deviceOf,
  direntTypeOf,
  modeOf,
  NodeNumbers,
  qidTypeOf,
  sizeOf,
  xattrNamesOf,
  xattrOf,
} from './node-facts.ts'
import { NinepSession, type Reply } from './session.ts'

/** Of an open's flags, what asks for writing: access mode, O_TRUNC (9P2000.L has Linux's numbers). */
const WRITES = 0o1003
const WRITE_REQUESTS: ReadonlySet<number> = new Set([
  request.write,
  request.lcreate,
  request.symlink,
  request.mknod,
  request.rename,
  request.setattr,
  request.xattrcreate,
  request.link,
  request.mkdir,
  request.renameat,
  request.unlinkat,
])
/** P9_GETATTR_BASIC: mode to blocks, all but btime, generation and data version. */
const GETATTR_BASIC = 0x7ff
const V9FS_MAGIC = 0x01021997
const BLOCK_SIZE = 4096

/**
 * A read-only 9P2000.L server: its root has one directory per tree. Mount it with `cache=loose`: nothing ever
 * changes. It answers whatever comes, and trusts nothing of it.
 */
export class NinepServer {
  readonly #trees = new Map<string, RootfsNode>()
  readonly #root: Place = {
    parent: undefined,
    node: {
      kind: 'directory',
      mode: 0o555,
      uid: 0,
      gid: 0,
      mtime: 0,
      size: 0,
      offset: 0,
      links: 2,
      children: this.#trees,
    },
  }
  readonly #fids = new FidTable()
  readonly #numbers = new NodeNumbers()
  readonly #session: NinepSession

  /** @param onError told of content that couldn't be read; the guest sees EIO */
  constructor(onError?: (error: unknown) => void) {
    this.#session = new NinepSession({
      answer: (type, tag, input) => this.#answer(type, tag, input),
      onBegin: () => this.#fids.clear(),
      errnoOf: () => undefined,
      onError,
    })
  }

  /** Make a tree readable as `/<id>`. Another tree of that name is replaced; who has it open keeps it. */
  addTree(id: string, root: RootfsNode): void {
    this.#trees.set(id, root)
  }

  removeTree(id: string): void {
    this.#trees.delete(id)
  }

  /** Answer one request. Never throws, never rejects. */
  handle(frame: Uint8Array): Reply {
    return this.#session.handle(frame)
  }

  get #out(): FrameWriter {
    return this.#session.out
  }

  #answer(type: number, tag: number, input: FrameReader): Reply {
    switch (type) {
      case request.walk:
        return this.#walk(tag, input)
      case request.getattr:
        return this.#getattr(tag, input)
      case request.xattrwalk:
        return this.#xattrwalk(tag, input)
      case request.lopen:
        return this.#open(tag, input)
      case request.read:
        return this.#read(tag, input)
      case request.clunk:
        return this.#fids.delete(input.u32())
          ? this.#out.begin(type + 1, tag).finish()
          : this.#error(tag, errno.EBADF)
      case request.readlink:
        return this.#readlink(tag, input)
      case request.readdir:
        return this.#readdir(tag, input)
      case request.statfs:
        return this.#statfs(tag, input)
      case request.attach:
        return this.#attach(tag, input)
      case request.fsync:
        return this.#fids.get(input.u32())
          ? this.#out.begin(type + 1, tag).finish()
          : this.#error(tag, errno.EBADF)
      case request.lock:
        // The kernel keeps the locks of one guest itself; no other one shares the tree.
        return this.#out
          .begin(type + 1, tag)
          .u8(0)
          .finish()
      case request.remove:
        this.#fids.delete(input.u32())
        return this.#error(tag, errno.EROFS)
      default:
        return this.#error(tag, WRITE_REQUESTS.has(type) ? errno.EROFS : errno.EOPNOTSUPP)
    }
  }

  #error(tag: number, code: number): Uint8Array {
    return this.#session.error(tag, code)
  }

  /** `aname` may name a tree, which is the root then. */
  #attach(tag: number, input: FrameReader): Uint8Array {
    const id = input.u32()
    input.u32() // afid
    input.name() // uname
    const name = input.name().replace(/^\//, '')
    const node = name === '' ? this.#root.node : this.#trees.get(name)
    if (!node) return this.#error(tag, errno.ENOENT)
    if (this.#fids.get(id)) return this.#error(tag, errno.EBADF)
    const place = name === '' ? this.#root : { node, parent: undefined }
    if (!this.#fids.set(id, place)) return this.#error(tag, errno.ENFILE)
    return this.#out
      .begin(request.attach + 1, tag)
      .qid(qidTypeOf(node), this.#numbers.of(node))
      .finish()
  }

  #walk(tag: number, input: FrameReader): Uint8Array {
    const fid = this.#fids.get(input.u32())
    const newId = input.u32()
    const count = input.u16()
    if (!fid || fid.xattr) return this.#error(tag, errno.EBADF)
    if (count > WALK_MAX) return this.#error(tag, errno.EINVAL)
    const other = this.#fids.get(newId)
    if (other && other !== fid) return this.#error(tag, errno.EBADF)
    let place: Place | undefined = fid.place
    const out = this.#out.begin(request.walk + 1, tag).u16(0)
    let walked = 0
    let failure: number = errno.ENOENT
    for (; walked < count; walked++) {
      const name = input.name()
      if (!place.node.children) {
        failure = errno.ENOTDIR
        break
      }
      const next: Place | undefined = step(place, name)
      if (!next) break
      place = next
      out.qid(qidTypeOf(place.node), this.#numbers.of(place.node))
    }
    if (walked < count && walked === 0) return this.#error(tag, failure)
    if (walked === count && !this.#fids.set(newId, place)) return this.#error(tag, errno.ENFILE)
    const end = out.at
    out.at = HEADER
    out.u16(walked).at = end
    return out.finish()
  }

  #getattr(tag: number, input: FrameReader): Uint8Array {
    const fid = this.#fids.get(input.u32())
    if (!fid) return this.#error(tag, errno.EBADF)
    const { node } = fid.place
    const size = sizeOf(node)
    const seconds = Math.floor(node.mtime)
    const nanoseconds = Math.floor((node.mtime - seconds) * 1e6) * 1000
    const out = this.#out
      .begin(request.getattr + 1, tag)
      .u64(GETATTR_BASIC)
      .qid(qidTypeOf(node), this.#numbers.of(node))
      .u32(modeOf(node))
      .u32(node.uid)
      .u32(node.gid)
      .u64(node.links)
      .u64(deviceOf(node))
      .u64(size)
      .u64(BLOCK_SIZE)
      .u64(Math.ceil(size / 512))
    for (let times = 0; times < 3; times++) out.u64(Math.max(0, seconds)).u64(nanoseconds)
    return out.u64(0).u64(0).u64(0).u64(0).finish()
  }

  #open(tag: number, input: FrameReader): Uint8Array {
    const fid = this.#fids.get(input.u32())
    const flags = input.u32()
    if (!fid || fid.opened) return this.#error(tag, errno.EBADF)
    if ((flags & WRITES) !== 0) return this.#error(tag, errno.EROFS)
    const { node } = fid.place
    if (node.kind === 'directory') fid.listing = listingOf(fid.place)
    fid.opened = true
    return this.#out
      .begin(request.lopen + 1, tag)
      .qid(qidTypeOf(node), this.#numbers.of(node))
      .u32(0)
      .finish()
  }

  #read(tag: number, input: FrameReader): Reply {
    const fid = this.#fids.get(input.u32())
    const offset = input.u64()
    const count = Math.min(input.u32(), this.#session.room(4))
    if (!fid?.opened) return this.#error(tag, errno.EBADF)
    if (fid.xattr) return this.#data(this.#out, tag, fid.xattr.subarray(offset, offset + count))
    const { node } = fid.place
    if (node.kind === 'directory') return this.#error(tag, errno.EISDIR)
    const length = Math.min(count, node.size - offset)
    if (length <= 0 || !node.source) return this.#data(this.#out, tag, NOTHING)
    const found = node.source.read(node.offset + offset, length)
    if (!(found instanceof Promise)) return this.#content(this.#out, tag, found, length)
    return this.#session.later(
      tag,
      found.then((bytes) =>
        this.#content(new FrameWriter(HEADER + 4 + length), tag, bytes, length),
      ),
    )
  }

  /** Linux would fill what is missing with zeros (netfs): a short source must be an error. */
  #content(out: FrameWriter, tag: number, bytes: Uint8Array, length: number): Uint8Array {
    if (bytes.length >= length)
      return this.#data(out, tag, bytes.length === length ? bytes : bytes.subarray(0, length))
    throw new Error(`Cannot read layer: ${bytes.length} bytes of ${length}`)
  }

  #data(out: FrameWriter, tag: number, bytes: Uint8Array): Uint8Array {
    return out
      .begin(request.read + 1, tag)
      .u32(bytes.length)
      .raw(bytes)
      .finish()
  }

  #readdir(tag: number, input: FrameReader): Uint8Array {
    const fid = this.#fids.get(input.u32())
    const offset = input.u64()
    const end = HEADER + 4 + Math.min(input.u32(), this.#session.room(4))
    if (!fid?.listing) return this.#error(tag, errno.EBADF)
    const out = this.#out.begin(request.readdir + 1, tag).u32(0)
    for (let index = offset; index < fid.listing.length; index++) {
      const listed = fid.listing[index]
      if (!listed) break
      const start = out.at
      const { node } = listed.place
      out
        .qid(qidTypeOf(node), this.#numbers.of(node))
        .u64(index + 1)
        .u8(direntTypeOf(node))
        .name(listed.name)
      if (out.at > end) {
        out.at = start
        break
      }
    }
    out.u32At(HEADER, out.at - HEADER - 4)
    return out.finish()
  }

  #readlink(tag: number, input: FrameReader): Uint8Array {
    const fid = this.#fids.get(input.u32())
    if (!fid) return this.#error(tag, errno.EBADF)
    const { target } = fid.place.node
    if (target === undefined) return this.#error(tag, errno.EINVAL)
    return this.#out
      .begin(request.readlink + 1, tag)
      .name(target)
      .finish()
  }

  /** With a name its value, without one the list of names. */
  #xattrwalk(tag: number, input: FrameReader): Uint8Array {
    const fid = this.#fids.get(input.u32())
    if (!fid) return this.#error(tag, errno.EBADF)
    const { node } = fid.place
    const newId = input.u32()
    const name = input.name()
    const value = name === '' ? xattrNamesOf(node) : xattrOf(node, name)
    if (!value) return this.#error(tag, errno.ENODATA)
    if (this.#fids.get(newId)) return this.#error(tag, errno.EBADF)
    if (!this.#fids.set(newId, fid.place, value)) return this.#error(tag, errno.ENFILE)
    return this.#out
      .begin(request.xattrwalk + 1, tag)
      .u64(value.length)
      .finish()
  }

  #statfs(tag: number, input: FrameReader): Uint8Array {
    if (!this.#fids.get(input.u32())) return this.#error(tag, errno.EBADF)
    return this.#out
      .begin(request.statfs + 1, tag)
      .u32(V9FS_MAGIC)
      .u32(BLOCK_SIZE)
      .u64(0) // blocks
      .u64(0)
      .u64(0)
      .u64(0) // files
      .u64(0)
      .u64(0) // fsid
      .u32(255)
      .finish()
  }
}

const NOTHING = new Uint8Array()

function step(place: Place, name: string): Place | undefined {
  if (name === '.') return place
  if (name === '..') return place.parent ?? place
  const node = place.node.children?.get(name)
  return node && { node, parent: place }
}
