import { DISK_BLOCK } from '../../ports/disk-store.ts'
import { blockSum } from './block-sum.ts'
import type { DiskRecord } from './disk-medium.ts'

/** `DISK`, then the format. */
const MAGIC = 0x4b534944
const FORMAT = 1
/** magic, format, words of the head, sum of the head without this field, sequence (2), remaining, size, blocks, discards */
const FIELDS = 10

export function joinBlocks(blocks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(blocks.length * DISK_BLOCK)
  blocks.forEach((block, at) => bytes.set(block, at * DISK_BLOCK))
  return bytes
}

/**
 * The head of a record in a file: fields of 32 bits, little endian, then blocks, sums and discards, filled up to 16 bytes.
 * The data of its blocks follow.
 */
export function encodeHead(record: DiskRecord): Uint8Array {
  const { blocks, sums, discards } = record
  const words = Math.ceil((FIELDS + 2 * blocks.length + discards.length) / 4) * 4
  const head = new Uint32Array(words)
  head.set([
    MAGIC,
    FORMAT,
    words,
    0,
    record.sequence >>> 0,
    Math.floor(record.sequence / 2 ** 32),
    record.remaining,
    record.size,
    blocks.length,
    discards.length,
  ])
  head.set(blocks, FIELDS)
  head.set(sums, FIELDS + blocks.length)
  head.set(discards, FIELDS + 2 * blocks.length)
  const bytes = new Uint8Array(head.buffer)
  head[3] = blockSum(bytes)
  return bytes
}

/** Bytes of the smallest head. */
export const HEAD_MIN: number = Math.ceil(FIELDS / 4) * 16

/** Bytes of the head that begins with these; undefined when none does. */
export function headLength(start: Uint8Array): number | undefined {
  if (start.length < HEAD_MIN) return undefined
  const view = new DataView(start.buffer, start.byteOffset)
  const words = view.getUint32(8, true)
  const needed = FIELDS + 2 * view.getUint32(32, true) + view.getUint32(36, true)
  const valid =
    view.getUint32(0, true) === MAGIC &&
    view.getUint32(4, true) === FORMAT &&
    words === Math.ceil(needed / 4) * 4
  return valid ? words * 4 : undefined
}

/** @returns undefined when it is not whole */
export function decodeHead(bytes: Uint8Array): DiskRecord | undefined {
  if (headLength(bytes) !== bytes.length) return undefined
  const head = new Uint32Array(bytes.slice().buffer)
  const sum = head[3]
  head[3] = 0
  if (blockSum(new Uint8Array(head.buffer)) !== sum) return undefined
  const [blocks = 0, discards = 0] = head.subarray(8, 10)
  const end = FIELDS + 2 * blocks
  return {
    sequence: (head[4] ?? 0) + (head[5] ?? 0) * 2 ** 32,
    remaining: head[6] ?? 0,
    size: head[7] ?? 0,
    blocks: head.slice(FIELDS, FIELDS + blocks),
    sums: head.slice(FIELDS + blocks, end),
    discards: head.slice(end, end + discards),
  }
}
