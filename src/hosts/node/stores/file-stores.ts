import { Resources } from '../../../core/resources.ts'
import type { BlobStore } from '../../../ports/blob-store.ts'
import type { LogStore } from '../../../ports/log-store.ts'
import type { RecordStore } from '../../../ports/record-store.ts'
import { FileBlobStore } from './file-blob-store.ts'
import { FileLogStore } from './file-log-store.ts'
import { FileRecordStore } from './file-record-store.ts'

export interface Stores extends AsyncDisposable {
  readonly blobs: BlobStore
  readonly records: RecordStore
  readonly logs: LogStore
}

/** The stores of a data folder; the caller holds its lock. */
export async function openFileStores(folder: string): Promise<Stores> {
  await using opening = new Resources()
  const blobs = opening.use(await FileBlobStore.open(folder))
  const records = opening.use(await FileRecordStore.open(folder))
  const logs = opening.use(new FileLogStore(folder))
  const owned = opening.move()
  return { blobs, records, logs, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
}
