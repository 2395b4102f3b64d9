import 'fake-indexeddb/auto'
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { FileDiskMedium } from '../../src/hosts/node/stores/file-disk-medium.ts'
import { DISK_BLOCK, type DiskStore } from '../../src/ports/disk-store.ts'
import { blockSum } from '../../src/storage/disk/block-sum.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import { EngineDatabase } from '../../src/storage/idb/database.ts'
import { IdbDiskMedium } from '../../src/storage/idb/disk-medium.ts'
import { blockOf, chance, describeDiskStore, readAll, TEST_DISK_SIZE } from './disk-store.ts'
import { dumpDatabase, restoreDatabase } from '../support/store-dump.ts'

type Segments = NonNullable<ConstructorParameters<typeof MemoryMedium>[0]>
const segments = new WeakMap<object, Segments>()
const inMemory = async (kept: Segments = new Map()): Promise<DiskStore> => {
  const store = await LogDiskStore.open(new MemoryMedium(kept), TEST_DISK_SIZE)
  segments.set(store, kept)
  return store
}
describeDiskStore('memory', {
  create: () => inMemory(),
  reopen: (store) => inMemory(segments.get(store)),
})

const folders = new WeakMap<object, string>()
const made: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-disk-'))
  made.push(folder)
  return folder
}
afterAll(() => made.forEach((folder) => rmSync(folder, { recursive: true, force: true })))
const inFiles = async (folder = newFolder()): Promise<DiskStore> => {
  const store = await LogDiskStore.open(new FileDiskMedium(folder), TEST_DISK_SIZE)
  folders.set(store, folder)
  return store
}
describeDiskStore('files', {
  create: () => inFiles(),
  reopen: (store) => inFiles(folders.get(store)),
})

let count = 0
const databases = new WeakMap<object, string>()
const inIdb = async (name = `disk-${count++}`): Promise<DiskStore> => {
  const database = await EngineDatabase.open(name)
  const store = await LogDiskStore.open(new IdbDiskMedium(database), TEST_DISK_SIZE)
  databases.set(store, name)
  return store
}
describeDiskStore('IndexedDB', {
  create: () => inIdb(),
  reopen: (store) => inIdb(databases.get(store)),
})

describe('a disk in files', () => {
  test('cut at any byte of the last commit, it is what it was before', async () => {
    const next = chance(7)
    const first = await inFiles()
    const folder = folders.get(first) ?? ''
    await first.write(0, blockOf(1))
    await first.write(3 * DISK_BLOCK, blockOf(1))
    await first.flush()
    await first[Symbol.asyncDispose]()
    const store = await inFiles(folder)
    const file = join(folder, 'disk', readdirSync(join(folder, 'disk'))[0] ?? '')
    const before = statSync(file).size
    await store.write(0, blockOf(2))
    await store.write(2 * DISK_BLOCK, blockOf(2))
    store.discard(3 * DISK_BLOCK, DISK_BLOCK)
    await store.flush()
    await store[Symbol.asyncDispose]()
    const after = statSync(file).size
    for (let cut = 0; cut < 60; cut++) {
      const copy = newFolder()
      cpSync(folder, copy, { recursive: true })
      const size = cut === 59 ? after : before + next(after - before)
      const name = join(copy, 'disk', readdirSync(join(copy, 'disk'))[0] ?? '')
      if (cut % 2 === 0) truncateSync(name, size)
      else if (size < after) {
        // As long as it was announced, but not filled.
        await using handle = await open(name, 'r+')
        await handle.write(new Uint8Array(after - size), 0, after - size, size)
      }
      await using again = await inFiles(copy)
      const expected = size === after ? [2, 0, 2, 0] : [1, 0, 0, 1]
      expect(await readAll(again, 4)).toEqual(expected)
      await again.write(DISK_BLOCK, blockOf(5))
      await again.flush()
    }
  })

  test('what was allocated ahead and not filled when the power went is no damage', async () => {
    const store = await inFiles()
    const folder = folders.get(store) ?? ''
    // Each commit makes the file longer than 16 MiB, so the next one begins another.
    const large = new Uint8Array(TEST_DISK_SIZE).fill(3)
    for (let round = 0; round < 2; round++) {
      await store.write(0, large)
      await store.flush()
    }
    await store.write(0, blockOf(4))
    await store.flush()
    const names = readdirSync(join(folder, 'disk'))
      .sort()
      .map((name) => join(folder, 'disk', name))
    const copy = newFolder()
    cpSync(folder, copy, { recursive: true })
    expect(statSync(names.at(-1) ?? '').size).toBeGreaterThan(1 << 20)
    await store[Symbol.asyncDispose]()
    expect(statSync(names.at(-1) ?? '').size).toBeLessThan(3 * DISK_BLOCK)
    for (const name of readdirSync(join(copy, 'disk')))
      truncateSync(join(copy, 'disk', name), statSync(join(copy, 'disk', name)).size + 100_000)
    await using again = await inFiles(copy)
    expect(await again.read(0, DISK_BLOCK)).toEqual(blockOf(4))
    expect(await again.read(DISK_BLOCK, DISK_BLOCK)).toEqual(large.subarray(0, DISK_BLOCK))
  })

  test('of a commit of several records that is not whole, nothing is there', async () => {
    const medium = async (folder: string) => {
      const opened = new FileDiskMedium(folder)
      return { opened, records: await opened.load() }
    }
    const folder = newFolder()
    const record = (sequence: number, remaining: number) => {
      const bytes = blockOf(sequence)
      return {
        sequence,
        remaining,
        size: 64,
        blocks: Uint32Array.of(sequence),
        sums: Uint32Array.of(blockSum(bytes)),
        discards: new Uint32Array(0),
      }
    }
    const { opened } = await medium(folder)
    await opened.append([record(1, 0)], [[blockOf(1)]])
    const places = await opened.append([record(2, 1), record(3, 0)], [[blockOf(2)], [blockOf(3)]])
    await opened[Symbol.asyncDispose]()
    const name = join(folder, 'disk', readdirSync(join(folder, 'disk'))[0] ?? '')
    {
      await using handle = await open(name, 'r+')
      // The first record's data never came, what follows did.
      await handle.write(new Uint8Array(DISK_BLOCK), 0, DISK_BLOCK, places[0]?.position)
    }
    const { opened: again, records } = await medium(folder)
    expect(records.map(({ sequence }) => sequence)).toEqual([1])
    await again[Symbol.asyncDispose]()
  })

  test('a damaged block is an error that names it, and the others are read', async () => {
    const store = await inFiles()
    await store.write(0, blockOf(1))
    await store.flush()
    await store.write(DISK_BLOCK, blockOf(2))
    await store.flush()
    await store[Symbol.asyncDispose]()
    const folder = folders.get(store) ?? ''
    const name = join(folder, 'disk', readdirSync(join(folder, 'disk'))[0] ?? '')
    await using handle = await open(name, 'r+')
    await handle.write(new Uint8Array([99]), 0, 1, 1000)
    await using again = await inFiles(folder)
    expect(() => again.read(0, DISK_BLOCK)).toThrow('block 0 of the disk is damaged')
    expect(await again.read(DISK_BLOCK, DISK_BLOCK)).toEqual(blockOf(2))
  })
})

describe('a disk in IndexedDB', () => {
  test('a commit that fails at any of its records is not there, and the next one holds all', async () => {
    for (let failing = 1; failing <= 6; failing++) {
      const store = await inIdb()
      const name = databases.get(store) ?? ''
      const bytes = new Uint8Array(600 * DISK_BLOCK).fill(1)
      await store.write(0, bytes)
      await store.flush()
      await store.write(0, new Uint8Array(600 * DISK_BLOCK).fill(2))
      // oxlint-disable-next-line typescript/unbound-method -- it is called with its own `this` below
      const original = IDBObjectStore.prototype.put
      let puts = 0
      const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (
        this: IDBObjectStore,
        ...given: Parameters<typeof original>
      ) {
        if (++puts === failing) throw new DOMException('full', 'QuotaExceededError')
        return original.apply(this, given)
      })
      await expect(store.flush()).rejects.toThrow('no space left on device')
      put.mockRestore()
      expect((await store.read(0, DISK_BLOCK))[0]).toBe(2)
      {
        // A copy: whoever opens the database itself is its owner from then on.
        const copy = `${name}-crashed-${failing}`
        await restoreDatabase(`drydock-${copy}`, await dumpDatabase(`drydock-${name}`))
        await using crashed = await inIdb(copy)
        expect((await crashed.read(599 * DISK_BLOCK, DISK_BLOCK))[0]).toBe(1)
        expect((await crashed.read(0, DISK_BLOCK))[0]).toBe(1)
      }
      await store.flush()
      await store[Symbol.asyncDispose]()
      await using again = await inIdb(name)
      expect((await again.read(599 * DISK_BLOCK, DISK_BLOCK))[0]).toBe(2)
    }
  })

  test('a flush is one strict transaction', async () => {
    await using store = await inIdb()
    const transaction = vi.spyOn(IDBDatabase.prototype, 'transaction')
    await store.write(0, blockOf(1))
    await store.write(9 * DISK_BLOCK, blockOf(1))
    await store.flush()
    const written = transaction.mock.calls.filter(([, mode]) => mode === 'readwrite')
    transaction.mockRestore()
    expect(written.map(([, , options]) => options)).toEqual([{ durability: 'strict' }])
  })
})
