import { DISK_BLOCK } from '../ports/disk-store.ts'
import type { VirtioField } from './v86-internals.ts'

/** type, reserved, sector (virtio 1.2, 5.2.6) */
export const BLK_HEADER_SIZE = 16

export const blkType = { read: 0, write: 1, flush: 4, id: 8, discard: 11, zero: 13 } as const
export const blkStatus = { ok: 0, error: 1, unsupported: 2 } as const

/** SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY, DISCARD, WRITE_ZEROES. Without CONFIG_WCE Linux takes the cache for write-back. */
export const blkFeatures: readonly number[] = [2, 6, 9, 10, 13, 14]

/** Largest range of a discard, in sectors: 1 GiB. */
const RANGE_MAX = 2 ** 21

/**
 * struct virtio_blk_config (virtio 1.2, 5.2.4).
 * @param size bytes of the disk, now
 * @param queue entries of the queue: a request has two descriptors besides its data
 */
export function blkConfig(size: () => number, queue: number): VirtioField[] {
  const sectors = (): number => Math.floor(size() / 512)
  const field = (bytes: 1 | 2 | 4, name: string, read: () => number): VirtioField => ({
    bytes,
    name,
    read,
    write: () => undefined,
  })
  const fixed = (bytes: 1 | 2 | 4, name: string, value: number): VirtioField =>
    field(bytes, name, () => value)
  return [
    field(4, 'capacity low', () => sectors() % 2 ** 32),
    field(4, 'capacity high', () => Math.floor(sectors() / 2 ** 32)),
    fixed(4, 'size_max', 0),
    fixed(4, 'seg_max', queue - 2),
    fixed(2, 'cylinders', 0),
    fixed(1, 'heads', 0),
    fixed(1, 'sectors', 0),
    fixed(4, 'blk_size', DISK_BLOCK),
    fixed(1, 'physical_block_exp', 0),
    fixed(1, 'alignment_offset', 0),
    fixed(2, 'min_io_size', 1),
    // 1 MiB in blocks: one record of a store.
    fixed(4, 'opt_io_size', 256),
    fixed(1, 'writeback', 1),
    fixed(1, 'unused', 0),
    fixed(2, 'num_queues', 1),
    fixed(4, 'max_discard_sectors', RANGE_MAX),
    fixed(4, 'max_discard_seg', 1),
    fixed(4, 'discard_sector_alignment', DISK_BLOCK / 512),
    fixed(4, 'max_write_zeroes_sectors', RANGE_MAX),
    fixed(4, 'max_write_zeroes_seg', 1),
    fixed(1, 'write_zeroes_may_unmap', 1),
    fixed(1, 'unused', 0),
    fixed(2, 'unused', 0),
  ]
}
