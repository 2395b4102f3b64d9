import type { ContextListing, ContextOffer, ListedEntry } from '../../core/context-listing.ts'
import { EngineError } from '../../core/error.ts'
import type { RootfsNode } from '../../core/layer.ts'

/** Bytes of files that are kept for the next build, over all contexts. */
const KEPT_MAX = 96 * 1024 * 1024
/** Listings whose build hasn't come yet. */
const OFFERS_MAX = 16

interface Kept {
  /** By path. */
  readonly files: ReadonlyMap<string, RootfsNode>
  readonly bytes: number
}

interface Offer {
  readonly listing: ContextListing
  readonly files: ReadonlyMap<string, RootfsNode>
}

/**
 * Files of contexts from builds before, in memory, so that a client sends only those whose stat has changed. The same node
 * stands for the same file: what is known of its content stays known.
 */
export class ContextStore {
  /** The one that was used last comes last. */
  readonly #kept = new Map<string, Kept>()
  readonly #offers = new Map<string, Offer>()
  #count = 0

  offer(listing: ContextListing): ContextOffer {
    const files = this.#kept.get(listing.key)?.files ?? new Map<string, RootfsNode>()
    const missing = listing.entries.flatMap((entry, index) =>
      entry[1] === 'file' && !isSame(files.get(entry[0]), entry) ? [index] : [],
    )
    const id = `${++this.#count}`
    this.#offers.set(id, { listing, files })
    for (const old of this.#offers.keys()) {
      if (this.#offers.size <= OFFERS_MAX) break
      this.#offers.delete(old)
    }
    return { id, missing }
  }

  /**
   * The context of a listing, of files that were sent and those that were there.
   * @param sent what came with the build
   * @throws EngineError `invalid-parameter` when the listing is unknown or something is missing
   */
  complete(id: string, sent: RootfsNode, { keep }: { readonly keep: boolean }): RootfsNode {
    const offer = this.#offers.get(id)
    if (!offer) {
      throw new EngineError('invalid-parameter', `no context was listed as ${JSON.stringify(id)}`)
    }
    this.#offers.delete(id)
    const root = new Directory([0o755, 0])
    const directories = new Map<string, Directory>([['', root]])
    const files = new Map<string, RootfsNode>()
    let bytes = 0
    for (const entry of offer.listing.entries) {
      const [path, kind, mode, , mtime, target] = entry
      const at = path.lastIndexOf('/')
      const parent = directories.get(at < 0 ? '' : path.slice(0, at)) ?? root
      const name = path.slice(at + 1)
      if (kind === 'directory') {
        const directory = new Directory([mode, mtime])
        directories.set(path, directory)
        parent.children.set(name, directory)
      } else if (kind === 'symlink') {
        parent.children.set(name, { ...plain, kind, mode, mtime, target: target ?? '' })
      } else {
        const node = fileOf(entry, offer.files.get(path), find(sent, path))
        parent.children.set(name, node)
        files.set(path, node)
        bytes += node.size
      }
    }
    if (keep) this.#keep(offer.listing.key, { files, bytes })
    return root
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    let total = [...this.#kept.values()].reduce((sum, { bytes }) => sum + bytes, 0)
    for (const [old, { bytes }] of this.#kept) {
      if (total <= KEPT_MAX) break
      total -= bytes
      this.#kept.delete(old)
    }
  }
}

const plain = { mode: 0o644, uid: 0, gid: 0, size: 0, offset: 0, links: 1 } as const

class Directory implements RootfsNode {
  readonly kind = 'directory'
  readonly uid = 0
  readonly gid = 0
  readonly size = 0
  readonly offset = 0
  readonly links = 2
  readonly mode: number
  readonly mtime: number
  readonly children = new Map<string, RootfsNode>()

  constructor([mode, mtime]: readonly [number, number]) {
    this.mode = mode
    this.mtime = mtime
  }
}

const isSame = (node: RootfsNode | undefined, [, , mode, size, mtime]: ListedEntry): boolean =>
  node?.size === size && node.mtime === mtime && node.mode === mode

function fileOf(
  entry: ListedEntry,
  before: RootfsNode | undefined,
  sent: RootfsNode | undefined,
): RootfsNode {
  const [path, , mode, size, mtime] = entry
  if (sent?.kind === 'file' && sent.size === size) return { ...sent, mode, mtime, links: 1 }
  if (before && isSame(before, entry)) return before
  throw new EngineError('invalid-parameter', `${path} changed while the context was read`)
}

function find(root: RootfsNode, path: string): RootfsNode | undefined {
  let node: RootfsNode | undefined = root
  for (const part of path.split('/')) node = node?.children?.get(part)
  return node
}
