import { Resources } from '../../../core/resources.ts'
import type { DiskStore } from '../../../ports/disk-store.ts'
import type { BlobStore } from '../../../ports/blob-store.ts'
import type { LogStore } from '../../../ports/log-store.ts'
import type { RecordStore } from '../../../ports/record-store.ts'
import { FileBlobStore } from './file-blob-store.ts'
import { DEFAULT_DISK_SIZE } from '../../../machine/blk-device.ts'
import { LogDiskStore } from '../../../storage/disk/log-disk-store.ts'
import { FileDiskMedium } from './file-disk-medium.ts'
import { FileLogStore } from './file-log-store.ts'
import { FileRecordStore } from './file-record-store.ts'

export interface Stores extends AsyncDisposable {
  readonly blobs: BlobStore
  readonly records: RecordStore
  readonly logs: LogStore
  readonly disk: DiskStore
}

/** The stores of a data folder; the caller holds its lock. */
export async function openFileStores(folder: string): Promise<Stores> {
  await using opening = new Resources()
  const blobs = opening.use(await FileBlobStore.open(folder))
  const records = opening.use(await FileRecordStore.open(folder))
  const logs = opening.use(new FileLogStore(folder))
  const disk = opening.use(await LogDiskStore.open(new FileDiskMedium(folder), DEFAULT_DISK_SIZE))
  const owned = opening.move()
  return { blobs, records, logs, disk, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
}
