import type { BlobStore } from '../../ports/blob-store.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import type { DiskMedium } from '../disk/disk-medium.ts'
import type { RoomKeeper } from './room-keeper.ts'

/** The same records; a commit may use the reserve. */
export function guardRecords(records: RecordStore, room: RoomKeeper): RecordStore {
  return {
    get: (kind, key) => records.get(kind, key),
    list: (kind) => records.list(kind),
    commit: (changes) => room.write(() => records.commit(changes)),
    [Symbol.asyncDispose]: () => records[Symbol.asyncDispose](),
  }
}

/**
 * The same blobs; a removal may use the reserve. A blob that does not fit is refused and nothing of it stays, so that the
 * reserve is not for it.
 */
export function guardBlobs(blobs: BlobStore, room: RoomKeeper): BlobStore {
  return {
    size: (digest) => blobs.size(digest),
    write: (source, options) => blobs.write(source, options),
    open: (digest) => blobs.open(digest),
    delete: (digest) => room.write(() => blobs.delete(digest)),
    list: () => blobs.list(),
    [Symbol.asyncDispose]: () => blobs[Symbol.asyncDispose](),
  }
}

/** The same medium; a commit and a removal may use the reserve. */
export function guardMedium(medium: DiskMedium, room: RoomKeeper): DiskMedium {
  return {
    recordBlocks: medium.recordBlocks,
    smallBlocks: medium.smallBlocks,
    load: () => medium.load(),
    append: (records, data) => room.write(() => medium.append(records, data)),
    read: (segment, position, length) => medium.read(segment, position, length),
    isOpen: (segment) => medium.isOpen(segment),
    remove: (segments) => room.write(() => medium.remove(segments)),
    [Symbol.asyncDispose]: () => medium[Symbol.asyncDispose](),
  }
}
