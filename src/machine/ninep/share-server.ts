import type { FrameReader } from '../../codec/ninep/frame-reader.ts'
import { FrameWriter } from '../../codec/ninep/frame-writer.ts'
import { HEADER, request, WALK_MAX } from '../../codec/ninep/wire.ts'
import { encodeName } from '../../codec/name-bytes.ts'
import type { SharedFiles, SharedStat } from '../../ports/shared-files.ts'
import { errnoOf, isName, joinPath, openOf, parentPath, qidTypeOf, refuse } from './share-facts.ts'
import { attributes, entries, space } from './share-replies.ts'
import { ShareChanges } from './share-changes.ts'
import { ShareFids, type ShareEntry, type ShareFid } from './share-fids.ts'
import { NinepSession, type Reply } from './session.ts'

const BLOCK_SIZE = 4096
const F_UNLCK = 2
/** Milliseconds that an answer may be old: less than it takes a guest to use it. */
const RECENT = 2
const CHANGES: ReadonlySet<number> = new Set([
  request.write,
  request.setattr,
  request.lcreate,
  request.mkdir,
  request.symlink,
  request.link,
  request.renameat,
  request.unlinkat,
])
const IO_HEADER = HEADER + 4

const rootStat: SharedStat = {
  kind: 'directory',
  mode: 0o555,
  uid: 0,
  gid: 0,
  links: 2,
  size: BLOCK_SIZE,
  blocks: 8,
  inode: 1,
  accessed: 0,
  modified: 0,
  changed: 0,
}

/**
 * A 9P2000.L server of directories of the host's machine, to be read and written: its root has them as `0`, `1` …. Mount it with
 * `cache=none`: others change them, too. It answers whatever comes, and trusts nothing of it.
 */
export class ShareServer {
  readonly #shares: readonly SharedFiles[]
  readonly #fids = new ShareFids()
  readonly #session: NinepSession
  readonly #changes: ShareChanges
  #changeCount = 0

  /**
   * @param now seconds since 1970
   * @param onError told of what no system would say; the guest sees EIO
   */
  constructor(
    shares: readonly SharedFiles[],
    now: () => number,
    onError?: (error: unknown) => void,
  ) {
    this.#shares = shares
    this.#changes = new ShareChanges(this.#fids, now)
    this.#session = new NinepSession({
      answer: (type, tag, input) => this.#answer(type, tag, input),
      onBegin: () => this.#fids.clear(),
      errnoOf,
      onError,
    })
  }

  /** Answer one request. Never throws, never rejects. */
  handle(frame: Uint8Array): Reply {
    return this.#session.handle(frame)
  }

  /** Closes what the guest had open. */
  [Symbol.dispose](): void {
    this.#fids.clear()
  }

  get #out(): FrameWriter {
    return this.#session.out
  }

  #answer(type: number, tag: number, input: FrameReader): Reply {
    if (CHANGES.has(type)) this.#changeCount++
    const out = this.#out.begin(type + 1, tag)
    switch (type) {
      case request.walk:
        return this.#walk(input, out)
      case request.getattr:
        return this.#getattr(input, out)
      case request.read:
        return this.#read(input, out)
      case request.write:
        return out.u32(this.#changes.write(input)).finish()
      case request.clunk:
        if (!this.#fids.delete(input.u32())) refuse('EBADF')
        return out.finish()
      case request.lopen:
        return this.#open(input, out)
      case request.lcreate:
        return this.#changes.create(input, out)
      case request.readdir:
        return this.#readdir(input, out)
      case request.readlink:
        return this.#readlink(input, out)
      case request.setattr:
        this.#changes.setattr(input)
        return out.finish()
      case request.mkdir:
        return this.#changes.makeDirectory(input, out)
      case request.symlink:
        return this.#changes.makeSymlink(input, out)
      case request.link:
        this.#changes.link(input)
        return out.finish()
      case request.renameat:
        this.#changes.rename(input)
        return out.finish()
      case request.unlinkat:
        this.#changes.unlink(input)
        return out.finish()
      case request.mknod:
        return this.#fid(input) && refuse('EPERM')
      case request.attach:
        return this.#attach(input, out)
      case request.statfs:
        return this.#statfs(input, out)
      case request.fsync:
        return this.#sync(tag, this.#fid(input))
      case request.xattrwalk:
        return this.#xattrwalk(input, out)
      case request.lock:
        // The kernel keeps the locks of one guest itself; no other one shares the tree.
        this.#fid(input)
        return out.u8(0).finish()
      case request.getlock:
        return this.#getlock(input, out)
      case request.remove:
        this.#fids.delete(input.u32())
        return refuse('EOPNOTSUPP')
      default:
        return refuse('EOPNOTSUPP')
    }
  }

  #fid(input: FrameReader): ShareFid {
    return this.#fids.require(input.u32())
  }

  #stat(fid: ShareFid): SharedStat {
    if (fid.file) return fid.file.stat()
    const { recent } = fid
    const isRecent = recent?.changes === this.#changeCount && performance.now() - recent.at < RECENT
    return isRecent ? recent.stat : this.#look(fid)
  }

  #look({ share, path }: Pick<ShareFid, 'share' | 'path'>): SharedStat {
    return share ? share.stat(path) : rootStat
  }

  #attach(input: FrameReader, out: FrameWriter): Uint8Array {
    const id = input.u32()
    input.u32() // afid
    input.name() // uname
    input.name() // aname
    const user = input.u32()
    if (this.#fids.get(id)) refuse('EBADF')
    if (this.#fids.isFull) refuse('ENFILE')
    this.#fids.set(id, { user, share: undefined, path: '' })
    return out.qid(qidTypeOf('directory'), rootStat.inode).finish()
  }

  #walk(input: FrameReader, out: FrameWriter): Uint8Array {
    const fid = this.#fid(input)
    const newId = input.u32()
    const count = input.u16()
    if (count > WALK_MAX) refuse('EINVAL')
    const other = this.#fids.get(newId)
    if (other && other !== fid) refuse('EBADF')
    if (!other && this.#fids.isFull) refuse('ENFILE')
    const { user } = fid
    let at: Pick<ShareFid, 'share' | 'path'> = { share: fid.share, path: fid.path }
    let stat: SharedStat | undefined
    out.u16(0)
    let walked = 0
    try {
      for (; walked < count; walked++) {
        at = this.#step(at, input.name())
        stat = this.#look(at)
        out.qid(qidTypeOf(stat.kind), stat.inode)
      }
    } catch (error) {
      if (walked === 0 || error instanceof RangeError) throw error
    }
    if (walked === count) {
      const recent = stat && { stat, at: performance.now(), changes: this.#changeCount }
      const made: ShareFid = { user, ...at, ...(recent ? { recent } : {}) }
      // A file without a name any more is found by no path: its clone has it as well.
      const kept = count === 0 && fid.file && !fid.opened ? fid : undefined
      if (kept?.share && this.#fids.hasRoomForFile && kept.file)
        this.#fids.attach(made, kept.file.clone())
      this.#fids.set(newId, made)
    }
    const end = out.at
    out.at = HEADER
    out.u16(walked).at = end
    return out.finish()
  }

  #step(
    { share, path }: Pick<ShareFid, 'share' | 'path'>,
    name: string,
  ): Pick<ShareFid, 'share' | 'path'> {
    if (name === '.') return { share, path }
    if (name === '..')
      return path === '' ? { share: undefined, path: '' } : { share, path: parentPath(path) }
    if (!isName(name)) refuse('ENOENT')
    if (share) return { share, path: joinPath(path, name) }
    const found = /^\d{1,9}$/.test(name) ? this.#shares[Number(name)] : undefined
    return found ? { share: found, path: '' } : refuse('ENOENT')
  }

  #getattr(input: FrameReader, out: FrameWriter): Uint8Array {
    return attributes(out, this.#stat(this.#fid(input)))
  }

  #open(input: FrameReader, out: FrameWriter): Uint8Array {
    const fid = this.#fid(input)
    const flags = input.u32()
    if (fid.opened) refuse('EBADF')
    const stat = this.#stat(fid)
    if (stat.kind === 'directory') {
      fid.listing = this.#listing(fid)
      fid.opened = 'directory'
    } else if (fid.share) {
      if (!this.#fids.hasRoomForFile) refuse('ENFILE')
      this.#fids.attach(
        fid,
        fid.file ? fid.file.reopen(openOf(flags)) : fid.share.open(fid.path, openOf(flags)),
      )
      fid.opened = 'file'
    }
    return out.qid(qidTypeOf(stat.kind), stat.inode).u32(0).finish()
  }

  #listing({ share, path }: ShareFid): ShareEntry[] {
    const self = { name: '.', inode: rootStat.inode, kind: 'directory' }
    const entries: ShareEntry[] = [self, { ...self, name: '..' }]
    if (!share) {
      for (const at of this.#shares.keys())
        entries.push({ name: String(at), inode: at + 2, kind: 'directory' })
      return entries
    }
    for (const [name, { inode, kind }] of share.list(path)) entries.push({ name, inode, kind })
    return entries
  }

  #read(input: FrameReader, out: FrameWriter): Uint8Array {
    const fid = this.#fid(input)
    const offset = input.u64()
    const count = Math.min(input.u32(), this.#session.room(4))
    if (!fid.opened) refuse('EBADF')
    if (fid.opened === 'directory') refuse('EISDIR')
    if (!Number.isSafeInteger(offset)) refuse('EINVAL')
    const length = fid.file?.read(out.bytes.subarray(IO_HEADER, IO_HEADER + count), offset) ?? 0
    out.u32(length).at += length
    return out.finish()
  }

  #readdir(input: FrameReader, out: FrameWriter): Uint8Array {
    const { listing } = this.#fid(input)
    const offset = input.u64()
    const room = Math.min(input.u32(), this.#session.room(4))
    return listing ? entries(out, listing, offset, room) : refuse('EBADF')
  }

  #readlink(input: FrameReader, out: FrameWriter): Uint8Array {
    const { share, path } = this.#fid(input)
    const target = share?.readLink(path) ?? refuse('EINVAL')
    return encodeName(target).length > 4095 ? refuse('ENAMETOOLONG') : out.name(target).finish()
  }

  #sync(tag: number, { opened, file }: ShareFid): Reply {
    if (opened !== 'file' || !file) return this.#out.begin(request.fsync + 1, tag).finish()
    const out = new FrameWriter(HEADER)
    return this.#session.later(
      tag,
      file.sync().then(() => out.begin(request.fsync + 1, tag).finish()),
    )
  }

  /** There are none: an empty list, and no value of any name. */
  #xattrwalk(input: FrameReader, out: FrameWriter): Uint8Array {
    const fid = this.#fid(input)
    const newId = input.u32()
    if (input.name() !== '') refuse('ENODATA')
    if (this.#fids.get(newId)) refuse('EBADF')
    if (this.#fids.isFull) refuse('ENFILE')
    const { user, share, path } = fid
    this.#fids.set(newId, { user, share, path, opened: 'xattr' })
    return out.u64(0).finish()
  }

  #getlock(input: FrameReader, out: FrameWriter): Uint8Array {
    this.#fid(input)
    input.u8()
    const [start, length, process, client] = [input.u64(), input.u64(), input.u32(), input.name()]
    return out.u8(F_UNLCK).u64(start).u64(length).u32(process).name(client).finish()
  }

  #statfs(input: FrameReader, out: FrameWriter): Uint8Array {
    return space(out, this.#fid(input).share?.space())
  }
}
