import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build } from 'vite'
import type { Digest } from '../../src/core/digest.ts'
import { FileBlobStore } from '../../src/hosts/node/stores/file-blob-store.ts'
import { FileLogStore } from '../../src/hosts/node/stores/file-log-store.ts'
import { FileRecordStore } from '../../src/hosts/node/stores/file-record-store.ts'

const root = mkdtempSync(join(tmpdir(), 'crash-'))
afterAll(() => rmSync(root, { recursive: true }))
const program = join(root, 'program', 'writer.mjs')

beforeAll(async () => {
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: true,
      outDir: join(root, 'program'),
      rolldownOptions: {
        input: new URL('crash-writer.ts', import.meta.url).pathname,
        output: { entryFileNames: 'writer.mjs' },
      },
    },
  })
})

/** Run the writer and kill it after some rounds and a while; what it had acknowledged by then. */
async function writeAndDie(folder: string, first: number, rounds: number, wait: number) {
  const child = spawn(process.execPath, [program, folder, `${first}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.split('\n').length > rounds) setTimeout(() => child.kill('SIGKILL'), wait)
  })
  await new Promise((resolve) => child.once('close', resolve))
  const lines = output.split('\n').slice(0, -1)
  return lines.map((line) => {
    const [round, digest] = line.split(' ')
    return { round: Number(round), digest: digest as Digest }
  })
}

test('a killed process loses nothing that was acknowledged, and leaves nothing by halves', async () => {
  const folder = join(root, 'data')
  const acknowledged: { round: number; digest: Digest }[] = []
  for (let life = 0; life < 12; life++) {
    // One round further than the last: it may have been done and not acknowledged.
    const next = (acknowledged.at(-1)?.round ?? -2) + 2
    acknowledged.push(...(await writeAndDie(folder, next, 1 + (life % 5), life * 1.7)))
    const last = acknowledged.at(-1)
    await using blobs = await FileBlobStore.open(folder)
    await using records = await FileRecordStore.open(folder)
    await using logs = new FileLogStore(folder)
    const one = (await records.get('image', 'one')) as { round: number }
    const two = (await records.get('container', 'two')) as { round: number }
    expect(one.round).toBe(two.round)
    expect(one.round).toBeGreaterThanOrEqual(last?.round ?? 0)
    const logged = new Set<string>()
    for await (const { bytes } of logs.read('c')) logged.add(Buffer.from(bytes).toString())
    for (const { round, digest } of acknowledged) {
      expect(await blobs.size(digest)).toBe(204_800)
      expect(logged).toContain(`${round}`)
    }
    for await (const { digest } of blobs.list()) {
      await using reader = await blobs.open(digest)
      const bytes = await reader.read(0, reader.size)
      expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(digest)
    }
  }
  expect(acknowledged.length).toBeGreaterThan(12)
}, 120_000)

test('a torn last line of the journal counts for nothing, wherever it is torn', async () => {
  const folder = mkdtempSync(join(root, 'torn-'))
  const path = join(folder, 'records.journal')
  const first = await FileRecordStore.open(folder)
  await first.commit([{ kind: 'image', key: 'a', value: 1 }])
  const whole = readFileSync(path).length
  await first.commit([{ kind: 'image', key: 'a', value: 2 }])
  await first[Symbol.asyncDispose]()
  const bytes = readFileSync(path)
  for (let cut = whole; cut < bytes.length; cut++) {
    writeFileSync(path, bytes)
    truncateSync(path, cut)
    // What a file system may leave after a power cut: the length is there, the bytes are not.
    if (cut % 2) appendFileSync(path, Buffer.alloc(bytes.length - cut))
    await using store = await FileRecordStore.open(folder)
    expect(await store.get('image', 'a')).toBe(1)
    await store.commit([{ kind: 'image', key: 'b', value: 3 }])
    await using again = await FileRecordStore.open(folder)
    expect(await again.list('image')).toEqual(
      new Map([
        ['a', 1],
        ['b', 3],
      ]),
    )
  }
})

test('a journal that is damaged inside is refused, and left as it is', async () => {
  const folder = mkdtempSync(join(root, 'damaged-'))
  const path = join(folder, 'records.journal')
  const store = await FileRecordStore.open(folder)
  for (const value of [1, 2, 3]) await store.commit([{ kind: 'image', key: 'a', value }])
  await store[Symbol.asyncDispose]()
  const bytes = readFileSync(path)
  bytes[20] = (bytes[20] ?? 0) ^ 1
  writeFileSync(path, bytes)
  await expect(FileRecordStore.open(folder)).rejects.toMatchObject({ code: 'internal' })
  expect(readFileSync(path).equals(bytes)).toBe(true)
})

test('the journal stays small', async () => {
  const folder = mkdtempSync(join(root, 'compact-'))
  await using store = await FileRecordStore.open(folder)
  const filler = 'x'.repeat(500_000)
  for (let at = 0; at < 40; at++)
    await store.commit([{ kind: 'image', key: 'a', value: { at, filler } }])
  expect(readFileSync(join(folder, 'records.journal')).length).toBeLessThan(6_000_000)
  await using again = await FileRecordStore.open(folder)
  expect(await again.get('image', 'a')).toEqual({ at: 39, filler })
})
