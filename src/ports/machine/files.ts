import type { ContainerFiles, ExtractOpen, FileOwner, FileStat } from '../../core/guest-archives.ts'

/** One of Docker's changes: 0 modified, 1 added, 2 deleted. */
export interface FileChange {
  readonly kind: 0 | 1 | 2
  /** Absolute. Names are strings as `codec/name-bytes` has them. */
  readonly path: string
}

export interface FileArchive {
  readonly stat: FileStat
  readonly tar: ReadableStream<Uint8Array>
}

export interface LayerOptions {
  /**
   * Absolute paths that are there as mount points only (`/proc`, `/etc/hosts` …): left out when they are new and empty.
   * Default: what Docker puts into every container.
   */
  readonly ignore?: readonly string[]
  readonly signal?: AbortSignal
}

export interface FileReadOptions {
  /** What the archive calls the path's last part; default: that part, `/` for the root. */
  readonly name?: string
  /** Cut the times of files, as Docker's `cp` and `export` do. */
  readonly wholeSeconds?: boolean
  readonly signal?: AbortSignal
}

export interface FileWriteOptions extends Pick<ExtractOpen, 'noOverwriteDirNonDir' | 'owner'> {
  readonly signal?: AbortSignal
}

/** Files of containers, and of the guest itself. */
export interface MachineFiles {
  /**
   * The container's writable layer as an OCI layer tar (image-spec v1.1.1, layer.md): sorted, sub-second mtimes, xattrs
   * `security.capability` and `user.*`, hard links, devices; sockets are left out. Reading it stops with the reader.
   */
  readChanges(files: ContainerFiles, options?: LayerOptions): Promise<ReadableStream<Uint8Array>>
  /** The same as Docker lists it: sorted, with the directories above what was added or deleted. */
  listChanges(files: ContainerFiles, options?: LayerOptions): Promise<readonly FileChange[]>
  /**
   * A path with all below it, as a tar. Paths are resolved inside of the root they are in.
   * @throws EngineError `not-found` when nothing is there; its cause is the GuestError `no-path`
   */
  read(files: FileOwner, path: string, options?: FileReadOptions): Promise<FileArchive>
  /** @throws EngineError `not-found` */
  stat(files: FileOwner, path: string, signal?: AbortSignal): Promise<FileStat>
  /**
   * Unpack a tar below a directory; its members replace what is there. Resolves when all is written; what was written before
   * something went wrong stays.
   * @throws EngineError `not-found` without the directory, `invalid-parameter` for a broken archive or no directory
   */
  write(
    files: FileOwner,
    path: string,
    tar: ReadableStream<Uint8Array>,
    options?: FileWriteOptions,
  ): Promise<void>
}
