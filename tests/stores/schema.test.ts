import 'fake-indexeddb/auto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize } from 'node:v8'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { lockData } from '../../src/hosts/node/data-lock.ts'
import { startHeadless } from '../../src/hosts/node/headless.ts'
import { openFileStores } from '../../src/hosts/node/stores/file-stores.ts'
import { openIdbStores } from '../../src/storage/idb/stores.ts'
import { STORE_SCHEMA } from '../../src/storage/schema.ts'
import { expectSample } from '../support/expect-sample.ts'
import {
  dumpDatabase,
  readTree,
  restoreDatabase,
  writeTree,
  type DatabaseDump,
} from '../support/store-dump.ts'

const root = mkdtempSync(join(tmpdir(), 'drydock-schema-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0

/** Stores as they were written; see make-fixture.ts. */
const fixture = (name: string): unknown =>
  deserialize(gunzipSync(readFileSync(new URL(`fixtures/${name}.bin`, import.meta.url))))
const SCHEMAS = [2, 3]

test('there is a fixture of the schema that is written now', () => {
  expect(SCHEMAS.at(-1)).toBe(STORE_SCHEMA)
})

function folderOf(schema: number): string {
  const folder = join(root, `${count++}`)
  writeTree(folder, fixture(`files-${schema}`) as Map<string, Buffer>)
  return folder
}

async function databaseOf(schema: number): Promise<string> {
  const id = `schema-${count++}`
  await restoreDatabase(`drydock-${id}`, fixture(`database-${schema}`) as DatabaseDump)
  return id
}

describe.each(SCHEMAS)('a playground of schema %i', (schema) => {
  test('opens from files, and says afterwards what it is', async () => {
    const folder = folderOf(schema)
    {
      await using stores = await openFileStores(folder)
      await expectSample(stores)
    }
    expect(readFileSync(join(folder, 'schema'), 'utf8')).toBe(`${STORE_SCHEMA}\n`)
    await using again = await openFileStores(folder)
    await expectSample(again)
  })

  test('opens from IndexedDB', async () => {
    const id = await databaseOf(schema)
    {
      await using stores = await openIdbStores(id, { diskSize: 1 << 30, clock: nodeClock })
      await expectSample(stores)
    }
    expect((await dumpDatabase(`drydock-${id}`)).version).toBe(STORE_SCHEMA)
    await using again = await openIdbStores(id, { diskSize: 1 << 30, clock: nodeClock })
    await expectSample(again)
  })
})

describe('a playground from the future', () => {
  test('in files is refused, told what to do about, and left as it is', async () => {
    const folder = folderOf(STORE_SCHEMA)
    writeFileSync(join(folder, 'schema'), `${STORE_SCHEMA + 1}\n`)
    // Leftovers that an opening would clear away.
    writeTree(folder, new Map([['blobs/tmp/0', Buffer.from('half')]]))
    const before = readTree(folder)
    for (const open of [openFileStores, (data: string) => startHeadless({ data })])
      await expect(open(folder)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringMatching(/newer version of Drydock.*Update drydock/) as string,
      })
    expect(readTree(folder)).toEqual(before)
  })

  test('in IndexedDB, too', async () => {
    const id = `schema-${count++}`
    const dump = fixture(`database-${STORE_SCHEMA}`) as DatabaseDump
    await restoreDatabase(`drydock-${id}`, { ...dump, version: STORE_SCHEMA + 1 })
    const before = await dumpDatabase(`drydock-${id}`)
    await expect(openIdbStores(id, { diskSize: 1 << 30, clock: nodeClock })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/newer version of Drydock.*Reload the page/) as string,
    })
    expect(await dumpDatabase(`drydock-${id}`)).toEqual(before)
  })
})

test.each(['', 'three\n', '0\n', '3'])('a number that is none (%j) is told', async (text) => {
  const folder = folderOf(STORE_SCHEMA)
  writeFileSync(join(folder, 'schema'), text)
  await expect(openFileStores(folder)).rejects.toMatchObject({
    message: expect.stringContaining('schema is damaged') as string,
  })
})

test('a folder that is one under two names has one lock', async () => {
  // Too long for a socket in it.
  const folder = join(root, 'x'.repeat(120))
  mkdirSync(folder)
  const other = join(root, 'other')
  symlinkSync(folder, other)
  await using _ = await lockData(folder)
  await expect(lockData(other)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(/^Another engine is using .*--data$/) as string,
  })
})
