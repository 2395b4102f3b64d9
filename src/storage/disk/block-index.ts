import type { PlacedRecord } from './disk-medium.ts'
import { DISK_BLOCK } from '../../ports/disk-store.ts'

export interface Segment {
  readonly number: number
  readonly records: PlacedRecord[]
  /** Blocks in it. */
  stored: number
  /** Of these, those that are the disk's. */
  live: number
}

/** By block. */
export interface BlockPlaces {
  /** 0: the block is zero. */
  readonly segments: Uint32Array
  readonly positions: Uint32Array
  readonly sums: Uint32Array
}

/** Where each block is. Untouched parts of the arrays cost no memory. */
export class BlockIndex {
  readonly segments: Map<number, Segment> = new Map()
  /** Of the newest record. */
  sequence = 0
  /** Blocks of all segments. */
  stored = 0
  live = 0
  #segment: Uint32Array
  #position: Uint32Array
  #sum: Uint32Array
  /** Copies in all segments, of any age. */
  #copies: Uint16Array

  constructor(blocks: number) {
    this.#segment = new Uint32Array(blocks)
    this.#position = new Uint32Array(blocks)
    this.#sum = new Uint32Array(blocks)
    this.#copies = new Uint16Array(blocks)
  }

  get size(): number {
    return this.#segment.length
  }

  grow(blocks: number): void {
    const grown = <Values extends Uint32Array | Uint16Array>(
      old: Values,
      values: Values,
    ): Values => {
      values.set(old)
      return values
    }
    this.#segment = grown(this.#segment, new Uint32Array(blocks))
    this.#position = grown(this.#position, new Uint32Array(blocks))
    this.#sum = grown(this.#sum, new Uint32Array(blocks))
    this.#copies = grown(this.#copies, new Uint16Array(blocks))
  }

  /** A copy. */
  places(): BlockPlaces {
    return {
      segments: this.#segment.slice(),
      positions: this.#position.slice(),
      sums: this.#sum.slice(),
    }
  }

  /** 0: the block is zero. */
  segmentOf(block: number): number {
    return this.#segment[block] ?? 0
  }

  positionOf(block: number): number {
    return this.#position[block] ?? 0
  }

  sumOf(block: number): number {
    return this.#sum[block] ?? 0
  }

  /** Something of a block that is zero now is in a segment still: a reload would find it. */
  isShadow(block: number): boolean {
    return this.segmentOf(block) === 0 && (this.#copies[block] ?? 0) > 0
  }

  add(record: PlacedRecord): void {
    if (record.size > this.size) this.grow(record.size)
    let segment = this.segments.get(record.segment)
    if (!segment) {
      segment = { number: record.segment, records: [], stored: 0, live: 0 }
      this.segments.set(record.segment, segment)
    }
    segment.records.push(record)
    this.sequence = Math.max(this.sequence, record.sequence)
    for (const block of record.discards) this.#release(block)
    let position = record.position
    record.blocks.forEach((block, at) => {
      this.#release(block)
      this.#segment[block] = record.segment
      this.#position[block] = position
      this.#sum[block] = record.sums[at] ?? 0
      this.#copies[block] = (this.#copies[block] ?? 0) + 1
      position += DISK_BLOCK
    })
    const { length } = record.blocks
    segment.stored += length
    segment.live += length
    this.stored += length
    this.live += length
  }

  #release(block: number): void {
    const segment = this.segments.get(this.segmentOf(block))
    if (!segment) return
    segment.live--
    this.live--
    this.#segment[block] = 0
  }

  /** The copies in these segments do not count any more; `undo` takes that back. */
  forgetCopies(segments: readonly Segment[]): { undo(): void } {
    const count = (by: number): void => {
      for (const { records } of segments)
        for (const { blocks } of records)
          for (const block of blocks) this.#copies[block] = (this.#copies[block] ?? 0) + by
    }
    count(-1)
    return { undo: () => count(1) }
  }

  /** Segments without a live block, their copies forgotten. */
  drop(segments: readonly Segment[]): void {
    for (const segment of segments) {
      this.segments.delete(segment.number)
      this.stored -= segment.stored
    }
  }
}
