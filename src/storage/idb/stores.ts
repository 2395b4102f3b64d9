import type { Digest } from '../../core/digest.ts'
import { Resources } from '../../core/resources.ts'
import type { DiskStore } from '../../ports/disk-store.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import type { LogStore } from '../../ports/log-store.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import { IdbBlobStore } from './blob-store.ts'
import { EngineDatabase } from './database.ts'
import { LogDiskStore } from '../disk/log-disk-store.ts'
import { IdbDiskMedium } from './disk-medium.ts'
import { IdbLogStore } from './log-store.ts'
import { openRangeCaches, type RangeCaches } from './range-cache.ts'
import { IdbRecordStore } from './record-store.ts'

interface Stores extends AsyncDisposable {
  readonly blobs: BlobStore
  readonly records: RecordStore
  readonly logs: LogStore
  readonly disk: DiskStore
}

export interface IdbStores extends Stores {
  /** For the host root's layers, see `openHostRoot`. */
  readonly openRangeCaches: (digests: readonly Digest[]) => Promise<RangeCaches>
}

/**
 * The stores of an engine in this browser; the caller holds its lock.
 * @param options.diskSize bytes of a disk that is new
 * @throws EngineError `unavailable` when the browser keeps nothing for this page
 */
export async function openIdbStores(
  engineId: string,
  options: { readonly diskSize: number },
): Promise<IdbStores> {
  await using opening = new Resources()
  const database = opening.use(await EngineDatabase.open(engineId))
  const blobs = opening.use(await IdbBlobStore.open(database))
  const records = opening.use(new IdbRecordStore(database))
  const logs = opening.use(new IdbLogStore(database))
  const disk = opening.use(await LogDiskStore.open(new IdbDiskMedium(database), options.diskSize))
  const owned = opening.move()
  const openCaches = (digests: readonly Digest[]): Promise<RangeCaches> =>
    openRangeCaches(database, digests)
  return {
    blobs,
    records,
    logs,
    disk,
    openRangeCaches: openCaches,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
