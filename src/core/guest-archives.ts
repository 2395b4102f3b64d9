import type { RuntimeMount } from './runtime-spec.ts'

/** A container's files, whether it runs or not; one that never ran gets its writable layer now. */
export interface ContainerFiles {
  readonly container: string
  /** Tree that it stands on: see `addTree`. */
  readonly tree: string
  /** Bind mounts to be seen in it: its volumes, as Docker shows them to `cp`. */
  readonly mounts?: readonly RuntimeMount[]
}

export type FileOwner = ContainerFiles | { readonly host: true }

export type ArchiveOpen =
  /** What stands at `path`; of a symlink the link itself. */
  | { readonly op: 'stat'; readonly files: FileOwner; readonly path: string }
  /**
   * The tar of `path` and all below it. A symlink at its end is followed only with a trailing slash or dot.
   * `name` is what the archive calls it: `etc` gives `etc/`, `etc/passwd`; `/` gives `/`, `/passwd`; an empty one gives what is
   * in the directory alone, `passwd`. `wholeSeconds` cuts times, as Docker does.
   */
  | {
      readonly op: 'files'
      readonly files: FileOwner
      readonly path: string
      readonly name: string
      readonly wholeSeconds?: boolean
    }
  /**
   * The tar of the container's writable layer, with whiteouts (image-spec v1.1.1, layer.md). `ignore`: absolute paths that are
   * there as mount points only; they are left out when they are new and empty.
   */
  | {
      readonly op: 'layer'
      readonly files: ContainerFiles
      readonly ignore?: readonly string[]
    }
  /** Records: `M`, `A` or `D`, an absolute path, a zero byte. In Docker's order: sorted by path. */
  | {
      readonly op: 'changes'
      readonly files: ContainerFiles
      readonly ignore?: readonly string[]
    }

export interface ExtractOpen {
  readonly files: FileOwner
  /** A directory; symlinks are followed. */
  readonly path: string
  /** Refuse to put a directory in place of another file, or the other way round. */
  readonly noOverwriteDirNonDir?: boolean
  /** Owner of all that is written, instead of the archive's. */
  readonly owner?: { readonly uid: number; readonly gid: number }
}

export interface FileStat {
  /** st_mode: type and permissions. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Since 1970. */
  readonly seconds: number
  readonly nanoseconds: number
  /** Of a device, else 0. */
  readonly major: number
  readonly minor: number
  /** Of a symlink: where it leads in the end, absolute; as far as that is there. Otherwise empty. */
  readonly linkTarget: string
}
