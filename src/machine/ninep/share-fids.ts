import type { SharedFile, SharedFiles, SharedStat } from '../../ports/shared-files.ts'
import { refuse } from './share-facts.ts'

/** What a client's handle stands for. Its file is closed with it. */
export interface ShareFid {
  /** Whose connection it is of: new files are this user's. */
  readonly user: number
  /** Of the server's shares; undefined is the root that lists them. */
  readonly share: SharedFiles | undefined
  /** In the share; '' is itself. */
  path: string
  /** Once it is opened, or its name was taken away while others have it. */
  file?: SharedFile
  opened?: 'file' | 'directory' | 'xattr'
  /** What it was a moment ago: Linux asks two or three times in a row. */
  recent?: RecentStat
  /** Of an opened directory: what it held then, so that offsets stay true. */
  listing?: readonly ShareEntry[]
}

export interface RecentStat {
  readonly stat: SharedStat
  /** Monotonic milliseconds. */
  readonly at: number
  /** How many requests that change something had come by then. */
  readonly changes: number
}

export interface ShareEntry {
  readonly name: string
  readonly inode: number
  readonly kind: string
}

/** A guest with all of its memory full of inodes has fewer; a broken client must not fill the host's. */
const FIDS_MAX = 1 << 16
/** Files open on the host; the process needs some for itself. */
const FILES_MAX = 4096

export class ShareFids {
  readonly #fids = new Map<number, ShareFid>()
  #files = 0

  get(id: number): ShareFid | undefined {
    return this.#fids.get(id)
  }

  /** @throws with code `EBADF` */
  require(id: number): ShareFid {
    return this.#fids.get(id) ?? refuse('EBADF')
  }

  get isFull(): boolean {
    return this.#fids.size >= FIDS_MAX
  }

  get hasRoomForFile(): boolean {
    return this.#files < FILES_MAX
  }

  set(id: number, fid: ShareFid): void {
    this.delete(id)
    this.#fids.set(id, fid)
  }

  /** Give it its file, which is closed with it. */
  attach(fid: ShareFid, file: SharedFile): void {
    this.#release(fid)
    fid.file = file
    this.#files++
  }

  delete(id: number): boolean {
    const fid = this.#fids.get(id)
    if (fid) this.#release(fid)
    return this.#fids.delete(id)
  }

  clear(): void {
    for (const fid of this.#fids.values()) this.#release(fid)
    this.#fids.clear()
  }

  /** Whatever has this name has another one now, and so has what is below. */
  renamed(share: SharedFiles, from: string, to: string): void {
    for (const fid of this.#fids.values()) {
      if (fid.share !== share) continue
      if (fid.path === from) fid.path = to
      else if (fid.path.startsWith(`${from}/`)) fid.path = to + fid.path.slice(from.length)
    }
  }

  /** Before a name is taken away: those that have no file yet keep what they stand for. */
  keep(share: SharedFiles, path: string): void {
    for (const fid of this.#fids.values()) {
      if (fid.share !== share || fid.path !== path || fid.file) continue
      if (!this.hasRoomForFile) return
      this.attach(fid, share.hold(path))
    }
  }

  #release(fid: ShareFid): void {
    if (!fid.file) return
    this.#files--
    fid.file[Symbol.dispose]()
    delete fid.file
  }
}
