/** What stands at a path of a shared directory; a symlink is never followed. */
export interface SharedStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device'
  /** Permissions with set-id and sticky bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly links: number
  /** Bytes. */
  readonly size: number
  /** Of 512 bytes. */
  readonly blocks: number
  /** The same for all names of one file, below 2^32. */
  readonly inode: number
  /** Milliseconds since 1970, with a fraction. */
  readonly accessed: number
  readonly modified: number
  readonly changed: number
}

/** What is to be another; times in seconds since 1970, with a fraction. */
export interface SharedChange {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
  readonly accessed?: number
  readonly modified?: number
}

export interface SharedOwner {
  readonly uid: number
  readonly gid: number
}

/** How a file is opened: at least one of read and write. */
export interface SharedOpen {
  readonly read: boolean
  readonly write: boolean
  /** Each write goes to the end, wherever it says. */
  readonly append: boolean
  readonly truncate: boolean
}

/** A file that stays the same one whatever becomes of its name. */
export interface SharedFile extends Disposable {
  stat(): SharedStat
  change(change: SharedChange): void
  /** @returns bytes read; fewer than asked for at the end alone */
  read(target: Uint8Array, position: number): number
  /** @returns bytes written */
  write(bytes: Uint8Array, position: number): number
  /** The same file once more, for another who has it. */
  clone(): SharedFile
  /** The same file, opened anew; of a regular one alone. */
  reopen(how: SharedOpen): SharedFile
  /** Resolves when what was written survives a crash. */
  sync(): Promise<void>
}

/**
 * A directory of the host's machine that a guest may use. Paths lead down from it: `''` is itself, `a/b` two below; names are strings as
 * `codec/name-bytes` has them, never `.` or `..`. Nothing outside of it is reached, whoever changes what meanwhile: links on the way are
 * an error. All is synchronous, as an answer at once is ten times faster for the guest.
 * Every method throws an error whose `code` is the system's (`ENOENT`, `EACCES` …).
 */
export interface SharedFiles {
  stat(path: string): SharedStat
  /** Names with what they are; one that went away meanwhile is left out. */
  list(path: string): readonly (readonly [name: string, stat: SharedStat])[]
  readLink(path: string): string
  /** A regular file. */
  open(path: string, how: SharedOpen): SharedFile
  /** Anything, to be asked and changed, not read. */
  hold(path: string): SharedFile
  /** A regular file; one that is there is opened, or with `exclusive` an error. */
  create(
    path: string,
    how: SharedOpen & {
      readonly exclusive: boolean
      readonly mode: number
      readonly owner: SharedOwner
    },
  ): SharedFile
  makeDirectory(path: string, mode: number, owner: SharedOwner): void
  makeSymlink(path: string, target: string, owner: SharedOwner): void
  link(existing: string, path: string): void
  rename(from: string, to: string): void
  remove(path: string, kind: 'file' | 'directory'): void
  change(path: string, change: SharedChange): void
  /** Of the filesystem it is on, in blocks and files. */
  space(): {
    readonly blockSize: number
    readonly blocks: number
    readonly free: number
    readonly available: number
    readonly files: number
    readonly filesFree: number
  }
}
