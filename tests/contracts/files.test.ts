import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { FileBlobStore } from '../../src/hosts/node/stores/file-blob-store.ts'
import { FileLogStore } from '../../src/hosts/node/stores/file-log-store.ts'
import { FileRecordStore } from '../../src/hosts/node/stores/file-record-store.ts'
import { describeBlobStore } from './blob-store.ts'
import { describeLogStore } from './log-store.ts'
import { describeRecordStore } from './record-store.ts'

const root = mkdtempSync(join(tmpdir(), 'stores-'))
afterAll(() => rmSync(root, { recursive: true }))
const folders = new WeakMap<object, string>()

/** A store in a folder of its own, and the same opened again. */
function inFolder<Store extends object>(open: (folder: string) => Promise<Store>) {
  const openIn = async (folder: string): Promise<Store> => {
    const store = await open(folder)
    folders.set(store, folder)
    return store
  }
  return {
    create: () => openIn(mkdtempSync(join(root, 'store-'))),
    reopen: (store: Store) => openIn(folders.get(store) ?? ''),
  }
}

const blobs = inFolder((folder) => FileBlobStore.open(folder))
describeBlobStore('files', blobs.create, (store) => blobs.reopen(store as FileBlobStore))
const records = inFolder((folder) => FileRecordStore.open(folder))
describeRecordStore('files', records.create, (store) => records.reopen(store as FileRecordStore))
const logs = inFolder((folder) => Promise.resolve(new FileLogStore(folder)))
describeLogStore(
  'files',
  (bound) =>
    bound === undefined
      ? logs.create()
      : Promise.resolve(new FileLogStore(mkdtempSync(join(root, 'logs-')), bound)),
  (store) => logs.reopen(store as FileLogStore),
)
