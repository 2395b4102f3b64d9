import type { RootfsNode } from '../../core/layer.ts'

/** A node and the way to it, for `..`. */
export interface Place {
  readonly node: RootfsNode
  readonly parent: Place | undefined
}

export interface Listed {
  readonly name: string
  readonly place: Place
}

/** What a client's handle stands for. */
export interface Fid {
  readonly place: Place
  opened: boolean
  /** Of an opened directory: what it held then, so that offsets stay true. */
  listing: readonly Listed[] | undefined
  /** Of a fid made by Txattrwalk: a value, or the list of names. */
  readonly xattr: Uint8Array | undefined
}

/** More than a guest's memory can hold inodes for; a broken client must not fill the host's. */
const FIDS_MAX = 1 << 18

export class FidTable {
  readonly #fids = new Map<number, Fid>()

  get(id: number): Fid | undefined {
    return this.#fids.get(id)
  }

  /** @returns whether there was room */
  set(id: number, place: Place, xattr?: Uint8Array): boolean {
    if (this.#fids.size >= FIDS_MAX && !this.#fids.has(id)) return false
    this.#fids.set(id, { place, opened: xattr !== undefined, listing: undefined, xattr })
    return true
  }

  delete(id: number): boolean {
    return this.#fids.delete(id)
  }

  clear(): void {
    this.#fids.clear()
  }

  get size(): number {
    return this.#fids.size
  }
}

export function listingOf(place: Place): readonly Listed[] {
  const listing: Listed[] = [
    { name: '.', place },
    { name: '..', place: place.parent ?? place },
  ]
  for (const [name, node] of place.node.children ?? [])
    listing.push({ name, place: { node, parent: place } })
  return listing
}
