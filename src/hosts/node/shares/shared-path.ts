import { closeSync, constants, openSync, readlinkSync } from 'node:fs'
import { encodeName } from '../../../codec/name-bytes.ts'

/** Linux include/uapi/asm-generic/fcntl.h; Node has no name for it. */
export const O_PATH = 0o10000000

/** As Node's own errors are: what reads them looks at `code`. */
export function systemError(code: string, path: string): Error & { readonly code: string } {
  return Object.assign(new Error(`${code}: '${path}'`), { code })
}

/** What names an open file to the system, whatever its path is now. */
export const descriptorPath = (descriptor: number): string => `/proc/self/fd/${descriptor}`

/** Names that are no UTF-8 are given to the system as bytes. */
export const systemPath = (path: string): string | Buffer =>
  /[^\0-\x7f]/.test(path) ? Buffer.from(encodeName(path)) : path

/** The bytes of a path, one to a character, as `readlink` gives them. */
const bytesOf = (path: string): string =>
  /[^\0-\x7f]/.test(path) ? Buffer.from(encodeName(path)).toString('latin1') : path

/** A descriptor that is closed at the end of its block. */
export class Held implements Disposable {
  readonly descriptor: number
  constructor(descriptor: number) {
    this.descriptor = descriptor
  }

  get path(): string {
    return descriptorPath(this.descriptor)
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor)
  }
}

/**
 * Opens what stands at an absolute path without following any link. The kernel follows those on the way; but it tells where what it
 * found is, and if that is another place, a link led there. What was found stays the same whoever renames things afterwards.
 * @throws with code `ELOOP` for a link on the way, else the system's
 */
export function hold(path: string): Held {
  const held = new Held(openSync(systemPath(path), O_PATH | constants.O_NOFOLLOW))
  try {
    if (readlinkSync(held.path, 'latin1') === bytesOf(path)) return held
    throw systemError('ELOOP', path)
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
}

/** The directory that something is in, and how it is named from there. */
export function holdParent(path: string): {
  readonly held: Held
  readonly entry: string | Buffer
} {
  const slash = path.lastIndexOf('/')
  const held = hold(slash <= 0 ? '/' : path.slice(0, slash))
  return { held, entry: systemPath(`${held.path}/${path.slice(slash + 1)}`) }
}
