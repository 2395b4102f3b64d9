import { statfsSync } from 'node:fs'
import type { Reserve } from '../../../storage/room/reserve.ts'

/** Bytes that are left for freeing something. */
const ROOM = 64 << 20
/** Of a small filesystem, this share. */
const SHARE = 8

/** Nothing is kept: the filesystem says what is left, and the last of it counts as the reserve. */
export class FileReserve implements Reserve {
  readonly #folder: string
  readonly size = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  probe(): string | undefined {
    const { bavail, blocks, bsize } = statfsSync(this.#folder)
    const left = bavail * bsize
    if (left >= Math.min(ROOM, (blocks * bsize) / SHARE)) return undefined
    return `the filesystem of ${this.#folder} is full: ${Math.floor(left / 2 ** 20)} MiB left`
  }

  release(): Promise<void> {
    return Promise.resolve()
  }

  fill(): Promise<boolean> {
    return Promise.resolve(this.probe() === undefined)
  }

  shrink(): Promise<void> {
    return Promise.resolve()
  }
}
