/**
 * The files of the machine's shell, as an editor works with them: paths are absolute, names are strings as
 * `codec/name-bytes` has them. Each method throws EngineError with a sentence for the visitor: `not-found`, `conflict`
 * when something is in the way or has changed, `forbidden`, `unavailable` while no machine runs or its disk is full.
 */
export interface GuestFiles {
  /** Sorted by name. */
  list(path: string): Promise<readonly GuestFile[]>
  /** Links are followed. */
  stat(path: string): Promise<GuestFile>
  /** Whoever asks reads to the end or closes. */
  read(path: string): Promise<BytesReader>
  /**
   * Write a file at once or not at all: with the mode and owner of the one that it replaces, durable. A link's target is written.
   * @param expected what must be there: a version, `nothing`, or `anything`
   * @throws EngineError `conflict` when something else is there
   */
  write(
    path: string,
    source: BytesSource,
    expected: FileVersion | 'nothing' | 'anything',
  ): Promise<FileVersion>
  makeDirectory(path: string): Promise<void>
  /** @throws EngineError `conflict` when something is at `to` */
  move(path: string, to: string): Promise<void>
  /** With all that is in it. */
  remove(path: string): Promise<void>
}

/** Enough to see that a file has changed. */
export interface FileVersion {
  /** Bytes. */
  readonly size: number
  /** Seconds since 1970, with a fraction. */
  readonly mtime: number
}

export interface GuestFile extends FileVersion {
  readonly name: string
  /** Of what a link leads to; `dangling`: to nothing. */
  readonly kind: 'file' | 'directory' | 'other' | 'dangling'
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  /** Where it leads, as it is written; absent where it is no link. */
  readonly target?: string
}

export interface BytesSource {
  /** Undefined at the end. */
  next(): Promise<Uint8Array | undefined>
}

export interface BytesReader extends BytesSource {
  close(): Promise<void>
}
