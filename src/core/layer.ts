/** Random access to bytes. Answers at once where they are in memory (the 9p server depends on it for speed). */
export interface ContentSource {
  /**
   * @param offset bytes from the start
   * @param length wanted; fewer come back at the end only
   */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>
}

export type EntryKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'hardlink'
  | 'character'
  | 'block'
  | 'fifo'

/** One member of a layer, in the archive's order (image-spec v1.1.1, layer.md). Whiteouts are entries like others. */
export interface LayerEntry {
  /** Relative, no leading `./` or `/`, no trailing `/`, no `.` or `..` parts. The root itself is `''`. */
  readonly path: string
  readonly kind: EntryKind
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds since 1970; may have a fraction. */
  readonly mtime: number
  /** Bytes of content; 0 for all but files. */
  readonly size: number
  /** Where the content starts in the layer's source. */
  readonly offset: number
  /** Target of a symlink as written; of a hardlink, a path in the form of `path`. */
  readonly target?: string
  readonly major?: number
  readonly minor?: number
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
}

/** A layer ready for random access. */
export interface Layer {
  readonly entries: readonly LayerEntry[]
  readonly source: ContentSource
}

/** A node of an image's merged tree. Hard links are one node under several names. */
export interface RootfsNode {
  readonly kind: Exclude<EntryKind, 'hardlink'>
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly size: number
  readonly source?: ContentSource
  readonly offset: number
  readonly target?: string
  readonly major?: number
  readonly minor?: number
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
  /** Names this node has. */
  readonly links: number
  /** Of directories only. */
  readonly children?: ReadonlyMap<string, RootfsNode>
}
