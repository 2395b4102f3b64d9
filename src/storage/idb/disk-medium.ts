import { ByteCache } from '../byte-cache.ts'
import type { DiskMedium, DiskRecord, Place, PlacedRecord } from '../disk/disk-medium.ts'
import { joinBlocks } from '../disk/record-bytes.ts'
import type { EngineDatabase } from './database.ts'

/** Data kept in memory, so that the guest is answered at once. */
const CACHE = 32 << 20

/**
 * A record is a segment: its head under its number in `disk-records`, its data in `disk-data`, in one strict transaction
 * of at most 1 MiB, as Firefox tears larger ones when the quota ends. The last record of a commit is written when all
 * others are there. Live keys are never overwritten.
 */
export class IdbDiskMedium implements DiskMedium {
  /** With the head within 1 MiB. */
  readonly recordBlocks = 240
  readonly smallBlocks = 32
  readonly #database: EngineDatabase
  readonly #cache = new ByteCache(CACHE)
  readonly #reading = new Map<number, Promise<Uint8Array | undefined>>()

  constructor(database: EngineDatabase) {
    this.#database = database
  }

  async load(): Promise<readonly PlacedRecord[]> {
    let keys: IDBRequest<IDBValidKey[]> | undefined
    const heads = await this.#database.run<DiskRecord[]>(
      ['disk-records', 'disk-data'],
      'readonly',
      (store) => {
        keys = store('disk-data').getAllKeys()
        return store('disk-records').getAll()
      },
    )
    const data = new Set((keys?.result ?? []).map(Number))
    const isThere = ({ sequence, blocks }: DiskRecord): boolean =>
      blocks.length === 0 || data.has(sequence)
    // Commits come one after the other: what follows the last whole one was never whole.
    const last = heads.findLast((head) => head.remaining === 0 && isThere(head))?.sequence ?? 0
    const whole = heads.filter(({ sequence }) => sequence <= last)
    const known = new Set(whole.map(({ sequence }) => sequence))
    const torn = heads.filter(({ sequence }) => sequence > last).map(({ sequence }) => sequence)
    await this.remove([...torn, ...[...data].filter((key) => !known.has(key))])
    return whole.map((head) => ({ ...head, segment: head.sequence, position: 0 }))
  }

  async append(
    records: readonly DiskRecord[],
    data: readonly (readonly Uint8Array[])[],
  ): Promise<Place[]> {
    const joined = data.map(joinBlocks)
    const put = (record: DiskRecord, bytes: Uint8Array): Promise<unknown> =>
      this.#database.run<unknown>(
        ['disk-records', 'disk-data'],
        'readwrite',
        (store) => {
          if (bytes.length > 0) store('disk-data').put(bytes, record.sequence)
          return store('disk-records').put(record, record.sequence) as IDBRequest<unknown>
        },
        'strict',
      )
    const last = records.length - 1
    try {
      for (const [at, record] of records.entries())
        await put(record, joined[at] ?? new Uint8Array(0))
    } catch (error) {
      const written = records.map(({ sequence }) => sequence)
      await this.remove(written).catch(() => undefined)
      throw error
    }
    records.forEach((record, at) => {
      const bytes = joined[at]
      if (bytes && at >= last - 16) this.#cache.set(record.sequence, bytes)
    })
    return records.map(({ sequence }) => ({ segment: sequence, position: 0 }))
  }

  read(
    segment: number,
    position: number,
    length: number,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const part = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
      bytes?.subarray(position, position + length)
    const cached = this.#cache.get(segment)
    if (cached) return part(cached)
    let reading = this.#reading.get(segment)
    if (!reading) {
      reading = this.#database
        .run<Uint8Array | undefined>(['disk-data'], 'readonly', (store) =>
          store('disk-data').get(segment),
        )
        .then((bytes) => {
          if (bytes) this.#cache.set(segment, bytes)
          return bytes
        })
        .finally(() => this.#reading.delete(segment))
      this.#reading.set(segment, reading)
    }
    return reading.then(part)
  }

  isOpen(): boolean {
    return false
  }

  async remove(segments: readonly number[]): Promise<void> {
    if (segments.length === 0) return
    await this.#database.run<undefined>(['disk-records', 'disk-data'], 'readwrite', (store) => {
      // The heads first: data without a head are rubbish, a head without data is no record.
      const requests = segments.map((segment) => store('disk-records').delete(segment))
      for (const segment of segments) requests.push(store('disk-data').delete(segment))
      return requests.at(-1) as IDBRequest<undefined>
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}
