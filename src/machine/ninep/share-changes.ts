import type { FrameReader } from '../../codec/ninep/frame-reader.ts'
import type { FrameWriter } from '../../codec/ninep/frame-writer.ts'
import type { SharedFiles } from '../../ports/shared-files.ts'
import {
  changeOf,
  errnoOf,
  isName,
  joinPath,
  openFlag,
  openOf,
  qidTypeOf,
  refuse,
} from './share-facts.ts'
import type { ShareFid, ShareFids } from './share-fids.ts'

const AT_REMOVEDIR = 0x200

/** The requests that change what is shared; each reads its fields, and throws what the system threw. */
export class ShareChanges {
  readonly #fids: ShareFids
  readonly #now: () => number

  /** @param now seconds since 1970 */
  constructor(fids: ShareFids, now: () => number) {
    this.#fids = fids
    this.#now = now
  }

  setattr(input: FrameReader): void {
    const fid = this.#place(input)
    const valid = input.u32()
    const [mode, uid, gid, size] = [input.u32(), input.u32(), input.u32(), input.u64()]
    const [accessed, modified] = [input.u64() + input.u64() / 1e9, input.u64() + input.u64() / 1e9]
    const change = changeOf(valid, { mode, uid, gid, size, accessed, modified }, this.#now())
    if (fid.file) fid.file.change(change)
    else fid.share.change(fid.path, change)
  }

  create(input: FrameReader, out: FrameWriter): Uint8Array {
    const fid = this.#place(input)
    const name = this.#name(input)
    const [flags, mode, gid] = [input.u32(), input.u32(), input.u32()]
    if (fid.opened) refuse('EBADF')
    if (!this.#fids.hasRoomForFile) refuse('ENFILE')
    const path = joinPath(fid.path, name)
    const file = fid.share.create(path, {
      ...openOf(flags),
      exclusive: (flags & openFlag.exclusive) !== 0,
      mode: mode & 0o7777,
      owner: { uid: fid.user, gid },
    })
    this.#fids.attach(fid, file)
    Object.assign(fid, { path, opened: 'file' })
    return out.qid(qidTypeOf('file'), file.stat().inode).u32(0).finish()
  }

  write(input: FrameReader): number {
    const fid = this.#fids.require(input.u32())
    const offset = input.u64()
    const bytes = input.raw(input.u32())
    if (fid.opened !== 'file' || !fid.file) return refuse('EBADF')
    if (!Number.isSafeInteger(offset)) refuse('EFBIG')
    return bytes.length === 0 ? 0 : fid.file.write(bytes, offset)
  }

  makeDirectory(input: FrameReader, out: FrameWriter): Uint8Array {
    const { share, path, user } = this.#place(input)
    const made = joinPath(path, this.#name(input))
    const [mode, gid] = [input.u32(), input.u32()]
    share.makeDirectory(made, mode & 0o7777, { uid: user, gid })
    return out.qid(qidTypeOf('directory'), share.stat(made).inode).finish()
  }

  makeSymlink(input: FrameReader, out: FrameWriter): Uint8Array {
    const { share, path, user } = this.#place(input)
    const made = joinPath(path, this.#name(input))
    const [target, gid] = [input.name(), input.u32()]
    if (target === '' || target.includes('\0')) refuse('ENOENT')
    share.makeSymlink(made, target, { uid: user, gid })
    return out.qid(qidTypeOf('symlink'), share.stat(made).inode).finish()
  }

  link(input: FrameReader): void {
    const { share, path } = this.#place(input)
    const existing = this.#place(input)
    if (existing.share !== share) refuse('EXDEV')
    share.link(existing.path, joinPath(path, this.#name(input)))
  }

  rename(input: FrameReader): void {
    const old = this.#place(input)
    const from = joinPath(old.path, this.#name(input))
    const { share, path } = this.#place(input)
    const to = joinPath(path, this.#name(input))
    if (old.share !== share) refuse('EXDEV')
    if (from === to) return
    this.#keep(share, to)
    share.rename(from, to)
    this.#fids.renamed(share, from, to)
  }

  unlink(input: FrameReader): void {
    const { share, path } = this.#place(input)
    const name = joinPath(path, this.#name(input))
    const kind = (input.u32() & AT_REMOVEDIR) === 0 ? 'file' : 'directory'
    this.#keep(share, name)
    share.remove(name, kind)
  }

  /** A directory of a share, to make or take away something in it. */
  #place(input: FrameReader): ShareFid & { readonly share: SharedFiles } {
    const fid = this.#fids.require(input.u32())
    if (!fid.share) return refuse('EROFS')
    return fid as ShareFid & { readonly share: SharedFiles }
  }

  #name(input: FrameReader): string {
    const name = input.name()
    return isName(name) ? name : refuse('EINVAL')
  }

  /** Whoever has it open goes on with it. */
  #keep(share: SharedFiles, path: string): void {
    try {
      this.#fids.keep(share, path)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
  }
}
