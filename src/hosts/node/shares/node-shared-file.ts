import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  fsync,
  openSync,
  readSync,
  truncateSync,
  utimesSync,
  writeSync,
  type Stats,
} from 'node:fs'
import { promisify } from 'node:util'
import type {
  SharedChange,
  SharedFile,
  SharedOpen,
  SharedStat,
} from '../../../ports/shared-files.ts'
import { descriptorPath, O_PATH, systemError } from './shared-path.ts'

const syncLater = promisify(fsync)

const UINT32 = 2 ** 32

/** A number below 2^32 that is the file's own but for an accident: i386 programs know no larger ones. */
function inodeOf({ dev, ino }: Stats): number {
  if (ino < UINT32 / 2) return ino
  const mixed =
    Math.imul(ino % UINT32, 0x9e3779b1) ^ Math.imul(Math.floor(ino / UINT32) + dev, 0x85ebca6b)
  return (mixed >>> 1) + UINT32 / 2
}

/** A FIFO must not make this process wait, a terminal must not become its own. */
const SAFE = constants.O_NONBLOCK | constants.O_NOCTTY

export function openFlags({ read, write, append, truncate }: SharedOpen): number {
  const access = read && write ? constants.O_RDWR : write ? constants.O_WRONLY : constants.O_RDONLY
  return access | (append ? constants.O_APPEND : 0) | (truncate ? constants.O_TRUNC : 0) | SAFE
}

export function statOf(stats: Stats): SharedStat {
  return {
    kind: stats.isFile()
      ? 'file'
      : stats.isDirectory()
        ? 'directory'
        : stats.isSymbolicLink()
          ? 'symlink'
          : stats.isFIFO()
            ? 'fifo'
            : stats.isSocket()
              ? 'socket'
              : 'device',
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    links: stats.nlink,
    size: stats.size,
    blocks: stats.blocks,
    inode: inodeOf(stats),
    accessed: stats.atimeMs,
    modified: stats.mtimeMs,
    changed: stats.ctimeMs,
  }
}

/**
 * Whose a file is to be, where this process may not say: its own files are root's, too, so that `chown root` and `tar` in a container
 * have their will.
 * @throws with code `EPERM` for anybody else's
 */
export function changeOwner(
  stats: Pick<SharedStat, 'uid' | 'gid'>,
  { uid, gid }: SharedChange,
  change: (uid: number, gid: number) => void,
): void {
  const own = process.getuid?.() ?? 0
  if (own === 0) return change(uid ?? stats.uid, gid ?? stats.gid)
  if (uid !== undefined && uid !== 0 && uid !== stats.uid) throw systemError('EPERM', 'chown')
  if (gid !== undefined && gid !== 0 && gid !== stats.gid) change(stats.uid, gid)
}

/** An open file of a share. */
export class NodeSharedFile implements SharedFile {
  readonly #descriptor: number

  /** @param descriptor its own from now on; one of O_PATH can't be read or written */
  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  stat(): SharedStat {
    return statOf(fstatSync(this.#descriptor))
  }

  /** Not of a symlink. */
  change(change: SharedChange): void {
    const path = descriptorPath(this.#descriptor)
    if (change.uid !== undefined || change.gid !== undefined)
      changeOwner(this.stat(), change, (uid, gid) => chownSync(path, uid, gid))
    if (change.mode !== undefined) chmodSync(path, change.mode)
    if (change.size !== undefined) truncateSync(path, change.size)
    if (change.accessed !== undefined || change.modified !== undefined) {
      const { accessed, modified } = this.stat()
      utimesSync(path, change.accessed ?? accessed / 1000, change.modified ?? modified / 1000)
    }
  }

  read(target: Uint8Array, position: number): number {
    let done = 0
    while (done < target.length) {
      const count = readSync(this.#descriptor, target, done, target.length - done, position + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  write(bytes: Uint8Array, position: number): number {
    return writeSync(this.#descriptor, bytes, 0, bytes.length, position)
  }

  clone(): SharedFile {
    return new NodeSharedFile(openSync(descriptorPath(this.#descriptor), O_PATH))
  }

  reopen(how: SharedOpen): SharedFile {
    if (this.stat().kind !== 'file') throw systemError('EPERM', 'open')
    return new NodeSharedFile(openSync(descriptorPath(this.#descriptor), openFlags(how)))
  }

  /** Beside everything else: a slow disk must not hold up the machine. */
  sync(): Promise<void> {
    return syncLater(this.#descriptor)
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }
}
