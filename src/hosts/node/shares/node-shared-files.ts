import {
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { decodeName } from '../../../codec/name-bytes.ts'
import type {
  SharedChange,
  SharedFile,
  SharedFiles,
  SharedOpen,
  SharedOwner,
  SharedStat,
} from '../../../ports/shared-files.ts'
import { changeOwner, NodeSharedFile, openFlags, statOf } from './node-shared-file.ts'
import { hold, holdParent, type Held, systemError, systemPath } from './shared-path.ts'

/** Below its root by descriptors of the system: Linux alone has what that takes (`/proc/self/fd`). */
export class NodeSharedFiles implements SharedFiles {
  readonly #root: string

  /** @param root absolute, without links (`realpath`) */
  constructor(root: string) {
    this.#root = root
    hold(root)[Symbol.dispose]()
  }

  #absolute(path: string): string {
    if (path === '') return this.#root
    return this.#root === '/' ? `/${path}` : `${this.#root}/${path}`
  }

  /** Never the share itself, whose parent is none of a guest's business. */
  #parent(path: string): { readonly held: Held; readonly entry: string | Buffer } {
    if (path === '') throw systemError('EBUSY', path)
    return holdParent(this.#absolute(path))
  }

  stat(path: string): SharedStat {
    using held = hold(this.#absolute(path))
    return statOf(fstatSync(held.descriptor))
  }

  list(path: string): (readonly [name: string, stat: SharedStat])[] {
    using held = hold(this.#absolute(path))
    return readdirSync(held.path, { encoding: 'buffer' }).flatMap((bytes) => {
      const name = decodeName(bytes)
      const stats = lstatSync(systemPath(`${held.path}/${name}`), { throwIfNoEntry: false })
      return stats ? [[name, statOf(stats)] as const] : []
    })
  }

  readLink(path: string): string {
    const { held, entry } = this.#parent(path)
    using _ = held
    return decodeName(readlinkSync(entry, { encoding: 'buffer' }))
  }

  open(path: string, how: SharedOpen): SharedFile {
    using held = hold(this.#absolute(path))
    if (!fstatSync(held.descriptor).isFile()) throw systemError('EPERM', path)
    return new NodeSharedFile(openSync(held.path, openFlags(how)))
  }

  hold(path: string): SharedFile {
    return new NodeSharedFile(hold(this.#absolute(path)).descriptor)
  }

  create(
    path: string,
    how: SharedOpen & {
      readonly exclusive: boolean
      readonly mode: number
      readonly owner: SharedOwner
    },
  ): SharedFile {
    const { held, entry } = this.#parent(path)
    using _ = held
    const flags = openFlags(how) | constants.O_NOFOLLOW
    let descriptor
    try {
      descriptor = openSync(entry, flags | constants.O_CREAT | constants.O_EXCL, how.mode)
    } catch (error) {
      if (how.exclusive || (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return this.open(path, how)
    }
    // The guest has applied the umask that counts.
    fchmodSync(descriptor, how.mode)
    if (isRoot()) fchownSync(descriptor, how.owner.uid, how.owner.gid)
    return new NodeSharedFile(descriptor)
  }

  makeDirectory(path: string, mode: number, owner: SharedOwner): void {
    const { held, entry } = this.#parent(path)
    using _ = held
    mkdirSync(entry, mode)
    this.change(path, { mode, ...(isRoot() ? owner : {}) })
  }

  makeSymlink(path: string, target: string, owner: SharedOwner): void {
    const { held, entry } = this.#parent(path)
    using _ = held
    symlinkSync(systemPath(target), entry)
    if (isRoot()) lchownSync(entry, owner.uid, owner.gid)
  }

  link(existing: string, path: string): void {
    const from = this.#parent(existing)
    using _ = from.held
    const to = this.#parent(path)
    using __ = to.held
    linkSync(from.entry, to.entry)
  }

  rename(from: string, to: string): void {
    const old = this.#parent(from)
    using _ = old.held
    const { held, entry } = this.#parent(to)
    using __ = held
    renameSync(old.entry, entry)
  }

  remove(path: string, kind: 'file' | 'directory'): void {
    const { held, entry } = this.#parent(path)
    using _ = held
    if (kind === 'directory') rmdirSync(entry)
    else unlinkSync(entry)
  }

  change(path: string, change: SharedChange): void {
    using held = hold(this.#absolute(path))
    const stat = statOf(fstatSync(held.descriptor))
    if (stat.kind !== 'symlink') {
      // The descriptor is this method's to close.
      new NodeSharedFile(held.descriptor).change(change)
      return
    }
    const { entry, held: parent } = this.#parent(path)
    using _ = parent
    if (change.uid !== undefined || change.gid !== undefined)
      changeOwner(stat, change, (uid, gid) => lchownSync(entry, uid, gid))
    if (change.accessed !== undefined || change.modified !== undefined)
      lutimesSync(
        entry,
        change.accessed ?? stat.accessed / 1000,
        change.modified ?? stat.modified / 1000,
      )
  }

  space(): ReturnType<SharedFiles['space']> {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(this.#root)
    return {
      blockSize: bsize,
      blocks,
      free: bfree,
      available: bavail,
      files,
      filesFree: ffree,
    }
  }
}

const isRoot = (): boolean => process.getuid?.() === 0
