import 'fake-indexeddb/auto'
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { IdbBlobStore } from '../../src/storage/idb/blob-store.ts'
import { EngineDatabase } from '../../src/storage/idb/database.ts'
import { IdbDiskMedium } from '../../src/storage/idb/disk-medium.ts'
import { IdbLogStore } from '../../src/storage/idb/log-store.ts'
import { IdbRecordStore } from '../../src/storage/idb/record-store.ts'
import { describeBlobStore, pieces } from './blob-store.ts'
import { describeLogStore } from './log-store.ts'
import { describeRecordStore } from './record-store.ts'

let count = 0
const databases = new WeakMap<object, string>()

/** A store in a database of its own, and the same opened again as after a reload. */
function inDatabase<Store extends object>(open: (database: EngineDatabase) => Promise<Store>) {
  const openIn = async (name: string): Promise<Store> => {
    const store = await open(await EngineDatabase.open(name))
    databases.set(store, name)
    return store
  }
  return {
    create: () => openIn(`test-${count++}`),
    reopen: (store: Store) => openIn(databases.get(store) ?? ''),
  }
}

const blobs = inDatabase((database) => IdbBlobStore.open(database))
describeBlobStore('IndexedDB', blobs.create, (store) => blobs.reopen(store as IdbBlobStore))
const records = inDatabase((database) => Promise.resolve(new IdbRecordStore(database)))
describeRecordStore('IndexedDB', records.create, (store) => records.reopen(store as IdbRecordStore))
const logs = inDatabase((database) => Promise.resolve(new IdbLogStore(database)))
describeLogStore(
  'IndexedDB',
  async (bound) =>
    bound === undefined
      ? logs.create()
      : new IdbLogStore(await EngineDatabase.open(`test-${count++}`), { bound }),
  (store) => logs.reopen(store as IdbLogStore),
)

const keysOf = (database: EngineDatabase, name: 'chunks' | 'pending'): Promise<IDBValidKey[]> =>
  database.run(['chunks', 'pending'], 'readonly', (store) => store(name).getAllKeys())

describe('what the browser does to us', () => {
  afterEach(() => void vi.restoreAllMocks())

  test('a full quota refuses the blob with words, leaves nothing of it, and the next fits', async () => {
    await using database = await EngineDatabase.open(`test-${count++}`)
    await using store = await IdbBlobStore.open(database)
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    await expect(store.write(pieces(randomBytes(3_000_000)))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('no space left on device') as string,
    })
    put.mockRestore()
    expect(await keysOf(database, 'chunks')).toEqual([])
    expect(await keysOf(database, 'pending')).toEqual([])
    await store.write(pieces(randomBytes(3_000_000)))
    expect(await keysOf(database, 'chunks')).toHaveLength(12)
  })

  test('a deleted blob leaves no chunk, nor does one written twice', async () => {
    await using database = await EngineDatabase.open(`test-${count++}`)
    await using store = await IdbBlobStore.open(database)
    const bytes = randomBytes(1_000_000)
    await Promise.all([store.write(pieces(bytes)), store.write(pieces(bytes))])
    expect(await keysOf(database, 'chunks')).toHaveLength(4)
    await store.delete((await store.write(pieces(bytes))).digest)
    expect(await keysOf(database, 'chunks')).toEqual([])
    expect(await keysOf(database, 'pending')).toEqual([])
  })

  test('refused storage is unavailable, with the reason', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('The operation is insecure.', 'SecurityError')
    })
    await expect(EngineDatabase.open('x')).rejects.toMatchObject({
      code: 'unavailable',
      message: "Cannot open the browser's storage: The operation is insecure.",
    })
    vi.stubGlobal('indexedDB', undefined)
    await expect(EngineDatabase.open('x')).rejects.toMatchObject({ code: 'unavailable' })
    vi.unstubAllGlobals()
  })

  test('a database of a newer version is left alone', async () => {
    await new Promise((resolve) => {
      const request = indexedDB.open('drydock-newer', 99)
      request.addEventListener('success', () => resolve(request.result.close()))
    })
    await expect(EngineDatabase.open('newer')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('newer version') as string,
    })
  })
})

describe('a later owner', () => {
  const write = (database: EngineDatabase, value: number): Promise<unknown> =>
    new IdbRecordStore(database).commit([{ kind: 'setting', key: 'a', value }])
  const read = (database: EngineDatabase): Promise<unknown> =>
    new IdbRecordStore(database).get('setting', 'a')

  test('ends what the one before it writes, in the same transaction', async () => {
    const name = `test-${count++}`
    await using first = await EngineDatabase.open(name)
    await write(first, 1)
    // Asked for while the second opens: whatever comes behind its number is nothing.
    const opening = EngineDatabase.open(name)
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, at) => {
        await new Promise((resolve) => {
          setTimeout(resolve, at / 4)
        })
        await write(first, 2 + at)
        return 2 + at
      }),
    )
    await using second = await opening
    await first.superseded
    const seen = await read(second)
    const stored = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(seen).toBe(Math.max(1, ...stored))
    expect(tries.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'conflict' } })
    await write(second, 99)
    await expect(write(first, 100)).rejects.toMatchObject({ code: 'conflict' })
    expect(await read(second)).toBe(99)
    // A look does no harm.
    expect(await read(first)).toBe(99)
  })

  test('holds for blobs, logs and the disk', async () => {
    const name = `test-${count++}`
    await using first = await EngineDatabase.open(name)
    const blobs = await IdbBlobStore.open(first)
    const logs = new IdbLogStore(first)
    const medium = new IdbDiskMedium(first)
    await using second = await EngineDatabase.open(name)
    await expect(blobs.write(pieces(randomBytes(10)))).rejects.toMatchObject({ code: 'conflict' })
    logs.append('c', [{ stream: 'stdout', time: '', bytes: randomBytes(3) }])
    await expect(logs.flush()).rejects.toMatchObject({ code: 'conflict' })
    const record = {
      sequence: 1,
      remaining: 0,
      size: 8,
      blocks: Uint32Array.of(0),
      sums: Uint32Array.of(0),
      discards: new Uint32Array(0),
    }
    await expect(medium.append([record], [[new Uint8Array(4096)]])).rejects.toMatchObject({
      code: 'conflict',
    })
    for (const store of ['chunks', 'pending', 'logs', 'disk-records', 'disk-data'] as const)
      expect(await second.run([store], 'readonly', (open) => open(store).count()), store).toBe(0)
  })
})
