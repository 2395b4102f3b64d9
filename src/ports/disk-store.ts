/** Everything about a disk is in blocks of this many bytes, and aligned to them. */
export const DISK_BLOCK = 4096

export interface DiskUsage {
  /** Bytes of blocks that hold something. */
  readonly used: number
  /** Bytes that the store takes for them, with what is not cleared away yet. */
  readonly stored: number
}

/**
 * A block device that nothing is lost of: writes go to an ordered log in memory, `flush` makes what is in it durable, all
 * or nothing. What was not flushed may be there after a crash or not, up to some later `flush` that was not answered.
 * Blocks never written are zero. Offsets and lengths are multiples of DISK_BLOCK within `size`.
 * Whoever opens a store disposes it, which does not flush.
 */
export interface DiskStore extends AsyncDisposable {
  /** Bytes. */
  readonly size: number
  /**
   * At once where the bytes are at hand. They are the caller's.
   * @throws EngineError `internal` when a block is damaged
   */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>
  /** The store keeps `bytes`. A promise when the log is full: settled when there is room again. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>
  /** The blocks are zero from now on, and take no space after the next flush or soon after it. */
  discard(offset: number, length: number): void
  /** @throws EngineError `unavailable` when the store is full; nothing is lost, another try may work */
  flush(): Promise<void>
  /** Make it larger; never smaller. Durable when it resolves. */
  grow(size: number): Promise<void>
  usage(): DiskUsage
}

/** Blocks that lie one after the other. */
export interface BlockRun {
  /** Number of the first one. */
  readonly first: number
  /** Whole blocks, at most 1 MiB. */
  readonly bytes: Uint8Array
}

/** What a disk held at one moment. Until it is disposed nothing of it is cleared away. */
export interface DiskSnapshot extends Disposable {
  /** Bytes of the disk. */
  readonly size: number
  /** Bytes of the blocks that `runs` gives. */
  readonly used: number
  /** What is not zero, in order. @throws EngineError `internal` at a damaged block */
  runs(): AsyncIterable<BlockRun>
}

/** A disk that goes on while what it held at a moment is read. */
export interface SnapshotDisk extends DiskStore {
  /** What the last `flush` made durable, all of it and nothing else. */
  snapshot(): Promise<DiskSnapshot>
}
