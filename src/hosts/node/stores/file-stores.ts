import { Resources } from '../../../core/resources.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { SnapshotDisk } from '../../../ports/disk-store.ts'
import type { BlobStore } from '../../../ports/blob-store.ts'
import type { LogStore } from '../../../ports/log-store.ts'
import type { RecordStore } from '../../../ports/record-store.ts'
import type { StorageRoom } from '../../../ports/storage-room.ts'
import { FileBlobStore } from './file-blob-store.ts'
import { DEFAULT_DISK_SIZE } from '../../../machine/blk-device.ts'
import { LogDiskStore } from '../../../storage/disk/log-disk-store.ts'
import { FileDiskMedium } from './file-disk-medium.ts'
import { FileLogStore } from './file-log-store.ts'
import { FileRecordStore } from './file-record-store.ts'
import { finishReplacement } from './replacement.ts'
import { migrateFolder, readSchema } from './store-schema.ts'
import { FileReserve } from './file-reserve.ts'
import { guardBlobs, guardMedium, guardRecords } from '../../../storage/room/guarded-stores.ts'
import { RoomKeeper } from '../../../storage/room/room-keeper.ts'
import { nodeClock } from '../clock.ts'

interface FileStoreOptions {
  readonly diskSize?: number
  readonly clock?: Clock
}

export interface Stores extends AsyncDisposable {
  readonly blobs: BlobStore
  readonly records: RecordStore
  readonly logs: LogStore
  readonly disk: SnapshotDisk
  readonly room: StorageRoom
}

/**
 * The stores of a data folder; the caller holds its lock.
 * @param options.diskSize bytes of a disk that is new
 * @throws EngineError `unavailable` when a newer version wrote them
 */
export async function openFileStores(
  folder: string,
  { diskSize = DEFAULT_DISK_SIZE, clock = nodeClock }: FileStoreOptions = {},
): Promise<Stores> {
  readSchema(folder)
  await finishReplacement(folder)
  await migrateFolder(folder)
  await using opening = new Resources()
  const room = opening.use(new RoomKeeper(new FileReserve(folder), clock))
  const blobs = opening.use(guardBlobs(await FileBlobStore.open(folder), room))
  const records = opening.use(guardRecords(await FileRecordStore.open(folder), room))
  const logs = opening.use(new FileLogStore(folder))
  const disk = opening.use(
    await LogDiskStore.open(guardMedium(new FileDiskMedium(folder), room), diskSize),
  )
  const owned = opening.move()
  return {
    blobs,
    records,
    logs,
    disk,
    room,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
