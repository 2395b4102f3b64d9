import { EngineError } from '../../core/error.ts'
import { DISK_BLOCK, type BlockRun, type DiskSnapshot } from '../../ports/disk-store.ts'
import type { BlockPlaces } from './block-index.ts'
import { blockSum } from './block-sum.ts'
import type { DiskMedium } from './disk-medium.ts'

/** Blocks of a run: 1 MiB. */
const RUN_MAX = 256

/** A disk as it was; its segments must not be removed meanwhile. */
export class LogDiskSnapshot implements DiskSnapshot {
  readonly size: number
  readonly used: number
  readonly #medium: DiskMedium
  readonly #places: BlockPlaces
  readonly #release: () => void

  /** @param release called when it is not needed any more */
  constructor(medium: DiskMedium, places: BlockPlaces, release: () => void) {
    this.#medium = medium
    this.#places = places
    this.#release = release
    this.size = places.segments.length * DISK_BLOCK
    this.used = places.segments.reduce((sum, segment) => sum + (segment === 0 ? 0 : DISK_BLOCK), 0)
  }

  async *runs(): AsyncGenerator<BlockRun> {
    const { segments, positions, sums } = this.#places
    for (let first = 0; first < segments.length;) {
      const [segment = 0, position = 0] = [segments[first], positions[first]]
      if (segment === 0) {
        first++
        continue
      }
      let count = 1
      while (
        count < RUN_MAX &&
        segments[first + count] === segment &&
        positions[first + count] === position + count * DISK_BLOCK
      )
        count++
      const bytes = await this.#medium.read(segment, position, count * DISK_BLOCK)
      for (let at = 0; at < count; at++) {
        const block = bytes?.subarray(at * DISK_BLOCK, (at + 1) * DISK_BLOCK)
        if (block?.length !== DISK_BLOCK || blockSum(block) !== sums[first + at])
          throw new EngineError('internal', `block ${first + at} of the disk is damaged`)
      }
      if (bytes) yield { first, bytes }
      first += count
    }
  }

  [Symbol.dispose](): void {
    this.#release()
  }
}
