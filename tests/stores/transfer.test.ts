import 'fake-indexeddb/auto'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import { EngineError } from '../../src/core/error.ts'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { lockData } from '../../src/hosts/node/data-lock.ts'
import { exportToFile, importFromFile } from '../../src/hosts/node/export-playground.ts'
import { withExport } from '../../src/hosts/node/export-route.ts'
import { listen } from '../../src/hosts/node/listen.ts'
import { openFileStores } from '../../src/hosts/node/stores/file-stores.ts'
import type { BlobStore } from '../../src/ports/blob-store.ts'
import { DISK_BLOCK } from '../../src/ports/disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { EngineDatabase } from '../../src/storage/idb/database.ts'
import { replacementId, replaceStores } from '../../src/storage/idb/replacement.ts'
import { openIdbStores, type IdbStores } from '../../src/storage/idb/stores.ts'
import { MemoryBlobStore } from '../../src/storage/memory-blob-store.ts'
import { MemoryLogStore } from '../../src/storage/memory-log-store.ts'
import { MemoryRecordStore } from '../../src/storage/memory-record-store.ts'
import { exportPlayground } from '../../src/storage/transfer/export.ts'
import { importPlayground } from '../../src/storage/transfer/import.ts'
import { expectSample } from '../support/expect-sample.ts'
import { block, fillSample } from '../support/sample-playground.ts'
import { readTree } from '../support/store-dump.ts'

const root = mkdtempSync(join(tmpdir(), 'drydock-transfer-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0
const newFolder = (): string => join(root, `data-${count++}`)
const sync = (): Promise<void> => Promise.resolve()

/** An export of the sample. */
const file = join(root, 'sample.drydock')
let bytes: Buffer

beforeAll(async () => {
  const folder = newFolder()
  {
    await using stores = await openFileStores(folder)
    await fillSample(stores)
  }
  await exportToFile(folder, file)
  bytes = readFileSync(file)
})

const openIdb = (id: string): Promise<IdbStores> =>
  openIdbStores(id, { diskSize: 1 << 30, clock: nodeClock })

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

async function* inPieces(whole: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
}

test('files, IndexedDB, files again: everything is there', async () => {
  const id = `transfer-${count++}`
  {
    await using stores = await openIdb(id)
    await stores.records.commit([{ kind: 'volume', key: 'old', value: {} }])
  }
  const replacement = replacementId(id, Date.now())
  {
    await using imported = await importPlayground(inPieces(bytes, 1000), ({ diskSize }) =>
      openIdbStores(replacement, { diskSize, clock: nodeClock }),
    )
    expect(await imported.records.get('volume', 'old')).toBeUndefined()
  }
  // Until it is switched the old one is there.
  {
    await using stores = await openIdb(id)
    expect(await stores.records.get('volume', 'old')).toEqual({})
  }
  // Which cleared away what nobody switched to.
  await expect
    .poll(async () => (await indexedDB.databases()).map(({ name }) => name))
    .not.toContain(`drydock-${replacement}`)
  {
    await using _ = await importPlayground(inPieces(bytes, 7), ({ diskSize }) =>
      openIdbStores(replacement, { diskSize, clock: nodeClock }),
    )
  }
  await replaceStores(id, replacement)
  let again: Buffer
  {
    await using stores = await openIdb(id)
    again = await collect(exportPlayground({ ...stores, sync }))
    await expectSample(stores)
  }
  // Stores list their records in orders of their own.
  expect(again.length).toBe(bytes.length)
  // What it took the place of takes no room.
  {
    await using home = await EngineDatabase.open(id)
    for (const name of ['records', 'chunks', 'disk-data'] as const)
      expect(await home.run([name], 'readonly', (open) => open(name).count())).toBe(0)
  }
  const path = join(root, 'again.drydock')
  writeFileSync(path, again)
  const folder = newFolder()
  await importFromFile(folder, path, { force: false })
  await using stores = await openFileStores(folder)
  await expectSample(stores)
})

test('a second import takes the place of the first, and of the first alone', async () => {
  const [id, other] = [`transfer-${count++}`, `transfer-${count++}`]
  const replace = async (engine: string): Promise<string> => {
    const replacement = replacementId(engine, Date.now() + count++)
    await using stores = await importPlayground(inPieces(bytes, 4096), ({ diskSize }) =>
      openIdbStores(replacement, { diskSize, clock: nodeClock }),
    )
    await stores[Symbol.asyncDispose]()
    await replaceStores(engine, replacement)
    return replacement
  }
  const kept = await replace(other)
  const [first, second] = [await replace(id), await replace(id)]
  const names = (await indexedDB.databases()).map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining([`drydock-${second}`, `drydock-${kept}`]))
  expect(names).not.toContain(`drydock-${first}`)
  await using stores = await openIdb(id)
  await expectSample(stores)
})

describe('a file that is no whole export', () => {
  const cases: readonly (readonly [string, () => Uint8Array, RegExp])[] = [
    ['nothing', () => new Uint8Array(0), /is no export/],
    ['a tar', () => Buffer.alloc(10_240, 'x'), /is no export/],
    [
      'text line ends',
      () => Buffer.from(bytes.toString('latin1').replace('\r\n', '\n'), 'latin1'),
      /is no export/,
    ],
    ['the last byte missing', () => bytes.subarray(0, -1), /cut short/],
    ['half of it', () => bytes.subarray(0, bytes.length / 2), /cut short/],
    ['its beginning alone', () => bytes.subarray(0, 16), /cut short/],
    ['without its end', () => bytes.subarray(0, -40), /cut short/],
    ['something behind it', () => Buffer.concat([bytes, Buffer.of(0)]), /damaged/],
    ['twice', () => Buffer.concat([bytes, bytes]), /damaged/],
    ['a later format', () => changed((head) => ({ ...head, format: 2 })), /newer version/],
    ['a later schema', () => changed((head) => ({ ...head, schema: 99 })), /newer version/],
    ['a head that is none', () => changed(() => ({ format: 1 })), /damaged/],
  ]

  /** Another head; the checksum at the end is not looked at before it. */
  function changed(change: (head: Record<string, unknown>) => unknown): Buffer {
    const length = bytes.readUInt32LE(20)
    const head = JSON.parse(bytes.toString('utf8', 24, 24 + length)) as Record<string, unknown>
    const text = Buffer.from(JSON.stringify(change(head)))
    const start = Buffer.from(bytes.subarray(0, 24))
    start.writeUInt32LE(text.length, 20)
    return Buffer.concat([start, text, bytes.subarray(24 + length)])
  }

  test.each(cases)('%s is told, and the playground stays as it is', async (name, make, message) => {
    const folder = newFolder()
    await importFromFile(folder, file, { force: false })
    const before = readTree(folder)
    const path = join(root, `bad-${count++}`)
    writeFileSync(path, make())
    await expect(importFromFile(folder, path, { force: true }), name).rejects.toMatchObject({
      code: 'invalid-parameter',
      message: expect.stringMatching(message) as string,
    })
    expect(readTree(folder)).toEqual(before)
  })

  test('a flipped bit anywhere is told', async () => {
    for (let at = 3; at < bytes.length; at += 97) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      const stores = importPlayground(inPieces(flipped, 5000), async ({ diskSize }) => ({
        blobs: new MemoryBlobStore(),
        records: new MemoryRecordStore(),
        logs: new MemoryLogStore(),
        disk: await LogDiskStore.open(new MemoryMedium(), Math.min(diskSize, 1 << 32)),
      }))
      await expect(stores, `byte ${at}`).rejects.toMatchObject({ code: 'invalid-parameter' })
    }
  }, 120_000)
})

test('what is there is not replaced without being asked, nor while an engine has it', async () => {
  const folder = newFolder()
  await importFromFile(folder, file, { force: false })
  await expect(importFromFile(folder, file, { force: false })).rejects.toThrow('--force')
  await using _ = await lockData(folder)
  await expect(importFromFile(folder, file, { force: true })).rejects.toThrow('Another engine')
  await expect(exportToFile(folder, join(root, 'none'))).rejects.toThrow('Another engine')
  expect(existsSync(join(root, 'none')) || existsSync(join(root, 'none.part'))).toBe(false)
  await expect(exportToFile(newFolder(), join(root, 'none'))).rejects.toThrow('no playground')
})

test('a replacement that is cut off is completed, wherever', async () => {
  const parts = ['records.journal', 'blobs', 'logs', 'disk', 'schema']
  for (let steps = 0; steps <= 2 * parts.length; steps++) {
    const folder = newFolder()
    {
      await using stores = await openFileStores(folder)
      await stores.records.commit([{ kind: 'volume', key: 'old', value: {} }])
      await stores.disk.write(5 * DISK_BLOCK, block(9))
      await stores.disk.flush()
    }
    const imported = newFolder()
    await importFromFile(imported, file, { force: false })
    renameSync(imported, join(folder, 'import.ready'))
    for (let step = 0; step < steps; step++) {
      const part = parts[Math.floor(step / 2)] ?? ''
      if (step % 2 === 0) renameSync(join(folder, part), join(folder, `replaced-${part}`))
      else renameSync(join(folder, 'import.ready', part), join(folder, part))
    }
    await using stores = await openFileStores(folder)
    await expectSample(stores)
    expect(await stores.records.get('volume', 'old')).toBeUndefined()
    expect(await stores.disk.read(5 * DISK_BLOCK, DISK_BLOCK)).toEqual(block(0))
    for (const left of ['import.ready', 'import.tmp', ...parts.map((part) => `replaced-${part}`)])
      expect(existsSync(join(folder, left)), left).toBe(false)
  }
}, 120_000)

test('an import that was cut off leaves nothing', async () => {
  const folder = newFolder()
  await importFromFile(folder, file, { force: false })
  writeFileSync(join(folder, 'import.tmp'), 'half')
  await using stores = await openFileStores(folder)
  expect(existsSync(join(folder, 'import.tmp'))).toBe(false)
  await expectSample(stores)
})

test('a snapshot of the disk is of one moment, whatever is written and cleared away meanwhile', async () => {
  const medium = new MemoryMedium()
  await using disk = await LogDiskStore.open(medium, 64 << 20)
  const write = async (round: number): Promise<void> => {
    for (let at = 0; at < 200; at++) await disk.write(at * DISK_BLOCK, block(round))
    await disk.flush()
  }
  await write(1)
  const snapshot = await disk.snapshot()
  expect(snapshot.used).toBe(200 * DISK_BLOCK)
  let seen = 0
  for await (const { first, bytes: run } of snapshot.runs()) {
    // Enough to make it clear away what is dead.
    for (let round = 2; round < 40; round++) await write(round)
    disk.discard(0, 100 * DISK_BLOCK)
    await disk.flush()
    for (let at = 0; at < run.length; at += DISK_BLOCK) {
      expect(run[at], `block ${first + at / DISK_BLOCK}`).toBe(1)
      seen++
    }
  }
  expect(seen).toBe(200)
  const held = disk.usage().stored
  snapshot[Symbol.dispose]()
  await expect
    .poll(async () => {
      await disk.flush()
      return disk.usage().stored
    })
    .toBeLessThan(held / 4)
})

describe('an export by the engine that serves the folder', () => {
  const refuse: EngineHandler = () =>
    Promise.resolve({ status: 404, headers: {}, body: new Blob(['no']).stream() })

  test('is the same', async () => {
    const folder = newFolder()
    await importFromFile(folder, file, { force: false })
    await using _ = await lockData(folder)
    await using stores = await openFileStores(folder)
    let synced = 0
    const source = { ...stores, sync: () => Promise.resolve(void synced++) }
    const path = join(folder, 'docker.sock')
    await using listening = await listen({ path }, withExport(refuse, source), () => 'id')
    expect(listening.address).toContain(path)
    const copy = join(root, 'by-engine.drydock')
    expect(await exportToFile(folder, copy)).toBe(bytes.length)
    expect(readFileSync(copy).equals(bytes)).toBe(true)
    expect(synced).toBe(1)
  })

  test('that fails in the middle leaves no file', async () => {
    const folder = newFolder()
    await importFromFile(folder, file, { force: false })
    await using stores = await openFileStores(folder)
    const blobs: BlobStore = {
      ...stores.blobs,
      open: () => Promise.reject(new EngineError('not-found', 'it was removed')),
    }
    const source = { ...stores, blobs, sync }
    const path = join(folder, 'docker.sock')
    await using _ = await listen({ path }, withExport(refuse, source), () => 'id')
    const copy = join(root, 'failed.drydock')
    await expect(exportToFile(folder, copy)).rejects.toThrow()
    expect(existsSync(copy) || existsSync(`${copy}.part`)).toBe(false)
  })
})
