import { EngineError } from '../../core/error.ts'
import {
  DISK_BLOCK,
  type DiskSnapshot,
  type DiskUsage,
  type SnapshotDisk,
} from '../../ports/disk-store.ts'
import { BlockIndex, type Segment } from './block-index.ts'
import { blockSum } from './block-sum.ts'
import { chooseVictims } from './compaction.ts'
import type { DiskMedium, DiskRecord } from './disk-medium.ts'
import { LogDiskSnapshot } from './disk-snapshot.ts'

/** Blocks in the log from which on it is committed without being asked: 8 MiB. */
const COMMIT_FROM = 2048
/** From which on writers wait: 32 MiB. */
const FULL_FROM = 8192

/** Written blocks; null: zero from now on. */
type Batch = Map<number, Uint8Array | null>

/** A disk kept as a log of its commits; what they overwrote is cleared away in the background. */
export class LogDiskStore implements SnapshotDisk {
  readonly #medium: DiskMedium
  readonly #index: BlockIndex
  #size: number
  #storedSize: number
  #pending: Batch = new Map()
  #committing: Batch | undefined
  /** One commit or one step of clearing away after the other. */
  #queue: Promise<void> = Promise.resolve()
  /** The commit that has not begun. */
  #next: Promise<void> | undefined
  #clearing = false
  /** Segments that can't be read: left as they are. */
  readonly #damaged = new Set<number>()
  /** Snapshots that are being read: nothing is cleared away meanwhile. */
  #snapshots = 0
  #closed = false

  private constructor(medium: DiskMedium, blocks: number) {
    this.#medium = medium
    this.#index = new BlockIndex(blocks)
    this.#size = blocks
    this.#storedSize = blocks
  }

  /**
   * @param size bytes of a disk that is new
   * @throws EngineError `internal` when the medium is damaged
   */
  static async open(medium: DiskMedium, size: number): Promise<LogDiskStore> {
    const records = await medium.load()
    const blocks = records.at(-1)?.size ?? Math.ceil(size / DISK_BLOCK)
    const store = new LogDiskStore(medium, blocks)
    for (const record of records) store.#index.add(record)
    store.#clearSoon()
    return store
  }

  get size(): number {
    return this.#size * DISK_BLOCK
  }

  usage(): DiskUsage {
    return { used: this.#index.live * DISK_BLOCK, stored: this.#index.stored * DISK_BLOCK }
  }

  read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    const first = this.#check(offset, length)
    const bytes = new Uint8Array(length)
    const waits: Promise<void>[] = []
    const count = length / DISK_BLOCK
    for (let at = 0; at < count;) {
      const block = first + at
      const held = this.#held(block)
      const segment = this.#index.segmentOf(block)
      if (held !== undefined) {
        if (held) bytes.set(held, at * DISK_BLOCK)
        at++
      } else if (segment === 0) {
        at++
      } else {
        let run = 1
        const position = this.#index.positionOf(block)
        while (
          at + run < count &&
          this.#index.segmentOf(block + run) === segment &&
          this.#index.positionOf(block + run) === position + run * DISK_BLOCK &&
          this.#held(block + run) === undefined
        )
          run++
        const target = bytes.subarray(at * DISK_BLOCK, (at + run) * DISK_BLOCK)
        const wait = this.#fetch(block, target)
        if (wait) waits.push(wait)
        at += run
      }
    }
    return waits.length === 0 ? bytes : Promise.all(waits).then(() => bytes)
  }

  #held(block: number): Uint8Array | null | undefined {
    const pending = this.#pending.get(block)
    return pending === undefined ? this.#committing?.get(block) : pending
  }

  /** A run of stored blocks that lie one after the other. */
  #fetch(block: number, target: Uint8Array): Promise<void> | undefined {
    const segment = this.#index.segmentOf(block)
    const position = this.#index.positionOf(block)
    const sums = Array.from({ length: target.length / DISK_BLOCK }, (_, at) =>
      this.#index.sumOf(block + at),
    )
    const found = this.#medium.read(segment, position, target.length)
    const take = (bytes: Uint8Array | undefined): void | Promise<void> => {
      if (!bytes || bytes.length !== target.length) {
        // It was cleared away meanwhile: its blocks are elsewhere.
        if (!this.#index.segments.has(segment)) {
          const again = this.read(block * DISK_BLOCK, target.length)
          if (again instanceof Uint8Array) return target.set(again)
          return again.then((moved) => target.set(moved))
        }
        throw this.#damage(segment, block)
      }
      sums.forEach((sum, at) => {
        if (blockSum(bytes.subarray(at * DISK_BLOCK, (at + 1) * DISK_BLOCK)) !== sum)
          throw this.#damage(segment, block + at)
      })
      target.set(bytes)
    }
    if (found instanceof Promise) return found.then(take)
    const wait = take(found)
    return wait instanceof Promise ? wait : undefined
  }

  #damage(segment: number, block: number): EngineError {
    this.#damaged.add(segment)
    return new EngineError('internal', `block ${block} of the disk is damaged`)
  }

  #check(offset: number, length: number): number {
    if (this.#closed) throw new EngineError('unavailable', 'The disk is closed')
    const valid =
      offset >= 0 &&
      offset % DISK_BLOCK === 0 &&
      length % DISK_BLOCK === 0 &&
      offset + length <= this.size
    if (!valid)
      throw new EngineError('invalid-parameter', `no blocks of the disk: ${offset} + ${length}`)
    return offset / DISK_BLOCK
  }

  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    const first = this.#check(offset, bytes.length)
    for (let at = 0; at < bytes.length / DISK_BLOCK; at++)
      this.#pending.set(first + at, bytes.subarray(at * DISK_BLOCK, (at + 1) * DISK_BLOCK))
    if (this.#pending.size < COMMIT_FROM) return
    const commit = this.flush()
    // Who waits learns of a failure; if nobody does, the guest's next flush will.
    commit.catch(() => undefined)
    if (this.#pending.size >= FULL_FROM) return commit
  }

  discard(offset: number, length: number): void {
    const first = this.#check(offset, length)
    const end = first + length / DISK_BLOCK
    for (let block = first; block < end; block++) {
      if (this.#held(block) || this.#index.segmentOf(block) !== 0) this.#pending.set(block, null)
    }
  }

  flush(): Promise<void> {
    this.#next ??= this.#enqueue(() => {
      this.#next = undefined
      return this.#commit()
    })
    return this.#next
  }

  async grow(size: number): Promise<void> {
    const blocks = Math.floor(size / DISK_BLOCK)
    if (blocks <= this.#size) return
    await this.flush()
    this.#size = blocks
    this.#index.grow(blocks)
    await this.flush()
  }

  #enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#queue.then(work)
    this.#queue = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  async #commit(): Promise<void> {
    if (this.#closed) throw new EngineError('unavailable', 'The disk is closed')
    const batch = this.#pending
    if (batch.size === 0 && this.#size === this.#storedSize) return
    this.#pending = new Map()
    this.#committing = batch
    try {
      await this.#append(batch)
    } catch (error) {
      // What came after it goes over it.
      for (const [block, bytes] of this.#pending) batch.set(block, bytes)
      this.#pending = batch
      throw error
    } finally {
      this.#committing = undefined
    }
    this.#clearSoon()
  }

  async #append(batch: Batch): Promise<void> {
    const blocks: number[] = []
    const discards: number[] = []
    for (const [block, bytes] of batch) {
      if (bytes) blocks.push(block)
      else if (this.#index.segmentOf(block) !== 0) discards.push(block)
    }
    if (blocks.length === 0 && discards.length === 0 && this.#size === this.#storedSize) return
    await this.#write(blocks, discards, this.#size, (block) => {
      const bytes = batch.get(block) ?? new Uint8Array(DISK_BLOCK)
      return { bytes, sum: blockSum(bytes) }
    })
  }

  /** Blocks into records of the log, all of them one commit. */
  async #write(
    unsorted: readonly number[],
    discards: readonly number[],
    size: number,
    contentOf: (block: number) => { readonly bytes: Uint8Array; readonly sum: number },
  ): Promise<void> {
    const blocks = [...unsorted].sort((one, other) => one - other)
    const { recordBlocks } = this.#medium
    const parts = Math.max(1, Math.ceil(blocks.length / recordBlocks))
    const records: DiskRecord[] = []
    const data: Uint8Array[][] = []
    for (let part = 0; part < parts; part++) {
      const own = blocks.slice(part * recordBlocks, (part + 1) * recordBlocks)
      const contents = own.map(contentOf)
      data.push(contents.map(({ bytes }) => bytes))
      records.push({
        sequence: this.#index.sequence + 1 + part,
        remaining: parts - 1 - part,
        size,
        blocks: Uint32Array.from(own),
        sums: Uint32Array.from(contents, ({ sum }) => sum),
        discards: part === 0 ? Uint32Array.from(discards) : new Uint32Array(0),
      })
    }
    const places = await this.#medium.append(records, data)
    this.#storedSize = size
    records.forEach((record, at) => {
      const place = places[at]
      if (place) this.#index.add({ ...record, ...place })
    })
  }

  async snapshot(): Promise<DiskSnapshot> {
    // In its turn: a step of clearing away would remove what it has moved already.
    return this.#enqueue(() => {
      this.#snapshots++
      let isHeld = true
      return Promise.resolve(
        new LogDiskSnapshot(this.#medium, this.#index.places(), () => {
          if (!isHeld) return
          isHeld = false
          this.#snapshots--
          this.#clearSoon()
        }),
      )
    })
  }

  #clearSoon(): void {
    if (this.#clearing || this.#closed || this.#snapshots > 0) return
    this.#clearing = true
    const step = async (): Promise<void> => {
      this.#clearing = false
      if (this.#closed || this.#snapshots > 0) return
      if (await this.#clear()) this.#clearSoon()
    }
    // What can't be cleared away now is tried again after the next commit.
    this.#enqueue(step).catch(() => undefined)
  }

  /** One step. @returns whether there may be more to do */
  async #clear(): Promise<boolean> {
    const victims = chooseVictims(this.#index, this.#medium).filter(
      ({ number }) => !this.#damaged.has(number),
    )
    if (victims.length === 0) return false
    const moved = await this.#liveBlocks(victims)
    const copies = this.#index.forgetCopies(victims)
    try {
      await this.#move(victims, moved)
    } catch (error) {
      copies.undo()
      throw error
    }
    this.#index.drop(victims)
    await this.#medium.remove(victims.map(({ number }) => number))
    return true
  }

  async #liveBlocks(victims: readonly Segment[]): Promise<Map<number, Uint8Array>> {
    const moved = new Map<number, Uint8Array>()
    for (const { number, records } of victims) {
      for (const { blocks } of records) {
        for (const block of blocks) {
          if (this.#index.segmentOf(block) !== number || moved.has(block)) continue
          const bytes = new Uint8Array(DISK_BLOCK)
          await this.#fetch(block, bytes)
          moved.set(block, bytes)
        }
      }
    }
    return moved
  }

  /** The live blocks and what must still be known to be zero, into records of their own. */
  async #move(victims: readonly Segment[], moved: ReadonlyMap<number, Uint8Array>): Promise<void> {
    const zero = new Set<number>()
    for (const { records } of victims)
      for (const { discards } of records)
        for (const block of discards) if (this.#index.isShadow(block)) zero.add(block)
    // The greatest size and sequence are in the last record: it must not be lost with a victim.
    if (moved.size === 0 && zero.size === 0 && this.#hasNewer(victims)) return
    // With the sums they had: a copy of what went bad must not pass for good.
    await this.#write([...moved.keys()], [...zero], this.#storedSize, (block) => ({
      bytes: moved.get(block) ?? new Uint8Array(DISK_BLOCK),
      sum: this.#index.sumOf(block),
    }))
  }

  #hasNewer(victims: readonly Segment[]): boolean {
    const numbers = new Set(victims.map(({ number }) => number))
    for (const { number, records } of this.#index.segments.values()) {
      if (!numbers.has(number) && records.at(-1)?.sequence === this.#index.sequence) return true
    }
    return false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#queue
    await this.#medium[Symbol.asyncDispose]()
  }
}
