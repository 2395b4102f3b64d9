import type { DiskMedium, DiskRecord, PlacedRecord } from './disk-medium.ts'
import { joinBlocks } from './record-bytes.ts'

/** Nothing is kept beyond the process. `records` given again are what another one would find. */
export class MemoryMedium implements DiskMedium {
  readonly recordBlocks = 256
  readonly smallBlocks = 16
  readonly #segments: Map<number, { readonly record: PlacedRecord; readonly data: Uint8Array }>

  constructor(
    segments: Map<number, { readonly record: PlacedRecord; readonly data: Uint8Array }> = new Map(),
  ) {
    this.#segments = segments
  }

  load(): Promise<readonly PlacedRecord[]> {
    return Promise.resolve([...this.#segments.values()].map(({ record }) => record))
  }

  append(
    records: readonly DiskRecord[],
    data: readonly (readonly Uint8Array[])[],
  ): Promise<{ segment: number; position: number }[]> {
    const places = records.map((record, at) => {
      const place = { segment: record.sequence, position: 0 }
      this.#segments.set(place.segment, {
        record: { ...record, ...place },
        data: joinBlocks(data[at] ?? []),
      })
      return place
    })
    return Promise.resolve(places)
  }

  read(segment: number, position: number, length: number): Uint8Array | undefined {
    return this.#segments.get(segment)?.data.slice(position, position + length)
  }

  isOpen(): boolean {
    return false
  }

  remove(segments: readonly number[]): Promise<void> {
    for (const segment of segments) this.#segments.delete(segment)
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}
