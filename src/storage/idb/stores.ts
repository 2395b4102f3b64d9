import type { Digest } from '../../core/digest.ts'
import { Resources } from '../../core/resources.ts'
import type { SnapshotDisk } from '../../ports/disk-store.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import type { LogStore } from '../../ports/log-store.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import type { StorageRoom } from '../../ports/storage-room.ts'
import { IdbBlobStore } from './blob-store.ts'
import { EngineDatabase } from './database.ts'
import { LogDiskStore } from '../disk/log-disk-store.ts'
import { IdbDiskMedium } from './disk-medium.ts'
import { IdbLogStore } from './log-store.ts'
import { guardBlobs, guardMedium, guardRecords } from '../room/guarded-stores.ts'
import { RoomKeeper } from '../room/room-keeper.ts'
import type { Clock } from '../../ports/clock.ts'
import { openRangeCaches, type RangeCaches } from './range-cache.ts'
import { clearReplaced } from './replacement.ts'
import { IdbRecordStore } from './record-store.ts'
import { IdbReserve } from './reserve.ts'

interface Stores extends AsyncDisposable {
  readonly blobs: BlobStore
  readonly records: RecordStore
  readonly logs: LogStore
  readonly disk: SnapshotDisk
  readonly room: StorageRoom
}

export interface IdbStores extends Stores {
  /** For the host root's layers, see `openHostRoot`. */
  readonly openRangeCaches: (digests: readonly Digest[]) => Promise<RangeCaches>
  /** Resolves when another has opened them: nothing more is written by these. */
  readonly superseded: Promise<void>
}

/**
 * The stores of an engine in this browser; the caller holds its lock.
 * @param options.diskSize bytes of a disk that is new
 * @param options.reserve bytes kept so that something can be freed when the browser gives no more
 * @throws EngineError `unavailable` when the browser keeps nothing for this page
 */
export async function openIdbStores(
  engineId: string,
  options: { readonly diskSize: number; readonly clock: Clock; readonly reserve?: number },
): Promise<IdbStores> {
  await using opening = new Resources()
  const home = opening.use(await EngineDatabase.open(engineId))
  const { moved } = home
  const database = moved === undefined ? home : opening.use(await EngineDatabase.open(moved))
  // What it doesn't remove is in nobody's way.
  clearReplaced(engineId, home, moved).catch(() => undefined)
  const room = opening.use(
    new RoomKeeper(await IdbReserve.open(database, options.reserve), options.clock),
  )
  const blobs = opening.use(guardBlobs(await IdbBlobStore.open(database), room))
  const records = opening.use(guardRecords(new IdbRecordStore(database), room))
  const logs = opening.use(new IdbLogStore(database, { guard: (write) => room.write(write) }))
  const medium = guardMedium(new IdbDiskMedium(database), room)
  const disk = opening.use(await LogDiskStore.open(medium, options.diskSize))
  room.begin()
  const owned = opening.move()
  const openCaches = (digests: readonly Digest[]): Promise<RangeCaches> =>
    openRangeCaches(database, digests)
  return {
    blobs,
    records,
    logs,
    disk,
    room,
    superseded: Promise.race([home.superseded, database.superseded]),
    openRangeCaches: openCaches,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
