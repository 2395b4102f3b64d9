import type { EntryKind } from './layer.ts'

/**
 * A build context as its files' stats tell it, so that only what an engine doesn't have yet needs to be sent. Drydock's own:
 * `POST /build/context` takes a listing and answers with an offer; `POST /build?listing=<id>` brings what was missing.
 */
export interface ContextListing {
  /** Names the context between builds: where it comes from. */
  readonly key: string
  readonly entries: readonly ListedEntry[]
}

export type ListedEntry = readonly [
  path: string,
  kind: Extract<EntryKind, 'file' | 'directory' | 'symlink'>,
  mode: number,
  /** Bytes of a file. */
  size: number,
  /** Seconds since 1970, with a fraction. */
  mtime: number,
  /** Of a symlink. */
  target?: string,
]

export interface ContextOffer {
  readonly id: string
  /** Indexes of the entries whose content is to be sent. */
  readonly missing: readonly number[]
}
