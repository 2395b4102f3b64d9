/**
 * What a commit leaves in the store: the numbers of blocks, their checksums, blocks that are zero from now on, and the
 * data of the blocks one after the other.
 */
export interface DiskRecord {
  /** Counts all records of a disk. */
  readonly sequence: number
  /** Records of the same commit that follow. A commit without its last record never happened. */
  readonly remaining: number
  /** Blocks of the whole disk. */
  readonly size: number
  readonly blocks: Uint32Array
  readonly sums: Uint32Array
  readonly discards: Uint32Array
}

/** Where the data of a record begins. */
export interface Place {
  /** Greater than 0; later ones are greater. */
  readonly segment: number
  /** Bytes. */
  readonly position: number
}

export type PlacedRecord = DiskRecord & Place

/**
 * Where a disk's records are kept, in segments that are removed as a whole. One user at a time; `read` may come at any
 * time.
 */
export interface DiskMedium extends AsyncDisposable {
  /** Most blocks of one record. */
  readonly recordBlocks: number
  /** Blocks up to which a segment counts as small: many of them are made one. */
  readonly smallBlocks: number
  /** Records of whole commits in their order; what a crash left of others is cleared away. Called once, first. */
  load(): Promise<readonly PlacedRecord[]>
  /**
   * One commit, durable when it resolves; `data[i]` are the blocks of `records[i]`.
   * @throws EngineError `unavailable` when there is no space: then nothing of it is there
   */
  append(records: readonly DiskRecord[], data: readonly (readonly Uint8Array[])[]): Promise<Place[]>
  /** @returns undefined when the segment is gone, or was cut */
  read(
    segment: number,
    position: number,
    length: number,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Segments that the next `append` may add to. */
  isOpen(segment: number): boolean
  /** In this order. */
  remove(segments: readonly number[]): Promise<void>
}
