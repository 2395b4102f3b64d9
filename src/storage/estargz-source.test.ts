import 'fake-indexeddb/auto'
import { createHash, randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { TarWriter, type TarMember } from '../codec/tar/write.ts'
import type { Digest } from '../core/digest.ts'
import { openEstargz, type EstargzLayer, type RangeCache } from './estargz-source.ts'
import { EngineDatabase } from './idb/database.ts'
import { openRangeCaches } from './idb/range-cache.ts'

const sha256 = (bytes: Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest

/** An eStargz layer as docs/estargz.md of stargz-snapshotter has it; 100 kB chunks. */
function buildLayer(files: readonly (readonly [name: string, content: Buffer])[]) {
  const writer = new TarWriter()
  const members: Buffer[] = []
  let pending: Uint8Array[] = []
  const end = (): void => {
    if (pending.length > 0) members.push(Buffer.concat(pending))
    pending = []
  }
  const toc: Record<string, unknown>[] = []
  for (const [name, content] of files) {
    const member: TarMember = {
      path: name,
      kind: 'file',
      mode: 0o644,
      uid: 1,
      gid: 2,
      mtime: 3,
      size: content.length,
    }
    pending.push(writer.header(member))
    let item: Record<string, unknown> = {
      name,
      type: 'reg',
      size: content.length,
      modtime: '1970-01-01T00:00:03Z',
      mode: 0o644,
      uid: 1,
      gid: 2,
      digest: sha256(content),
    }
    for (let at = 0; at < content.length; at += 100_000) {
      const chunk = content.subarray(at, at + 100_000)
      if (at > 0) {
        toc.push(item)
        item = { name, type: 'chunk', chunkOffset: at }
      }
      end()
      if (at + chunk.length < content.length) item['chunkSize'] = chunk.length
      item['offset'] = members.length
      item['chunkDigest'] = sha256(chunk)
      pending.push(chunk)
    }
    toc.push(item)
    pending.push(writer.padding(content.length))
  }
  toc.push(
    { name: 'd/', type: 'dir', mode: 0o1777 },
    { name: 'd/l', type: 'symlink', linkName: '../x', mode: 0o777 },
    { name: 'h', type: 'hardlink', linkName: files[0]?.[0] },
    { name: 'd/null', type: 'char', devMajor: 1, devMinor: 3, xattrs: { 'user.a': 'AQI=' } },
  )
  end()
  const compressed = members.map((member) => gzipSync(member))
  const offsets = [0]
  for (const { length } of compressed) offsets.push((offsets.at(-1) ?? 0) + length)
  for (const item of toc)
    if (typeof item['offset'] === 'number') item['offset'] = offsets[item['offset']]
  const json = Buffer.from(JSON.stringify({ version: 1, entries: toc }))
  const tocMember = Buffer.concat([
    writer.header({
      path: 'stargz.index.json',
      kind: 'file',
      mode: 0o444,
      uid: 0,
      gid: 0,
      mtime: 0,
      size: json.length,
    }),
    json,
    writer.padding(json.length),
    writer.end(),
  ])
  const footer = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, 0x53, 0x47, 22, 0]),
    Buffer.from(`${(offsets.at(-1) ?? 0).toString(16).padStart(16, '0')}STARGZ`),
    Buffer.from([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
  ])
  return {
    blob: Buffer.concat([...compressed, gzipSync(tocMember), footer]),
    tocDigest: sha256(json),
  }
}

const files: readonly (readonly [string, Buffer])[] = [
  ['bin/sh', randomBytes(250_000)],
  ['lib/libc.so.6', randomBytes(99_999)],
  ['.prefetch.landmark', Buffer.from([0x0f])],
  ['empty', Buffer.alloc(0)],
  ...Array.from({ length: 40 }, (_, at) => [`f/${at}`, randomBytes(20_000)] as const),
  ['exact', randomBytes(200_000)],
]
const { blob, tocDigest } = buildLayer(files)

let requests: [number, number][]
let broken: ((offset: number, bytes: Buffer) => Buffer) | undefined
beforeEach(() => {
  requests = []
  broken = undefined
})
const fetchRange = (offset: number, length: number): Promise<Uint8Array> => {
  requests.push([offset, length])
  const bytes = Buffer.from(blob.subarray(offset, offset + length))
  return Promise.resolve(broken?.(offset, bytes) ?? bytes)
}

const contentOf = async (
  layer: EstargzLayer,
  path: string,
  offset = 0,
  length = 1e9,
): Promise<Buffer> => {
  const entry = layer.entries.find((one) => one.path === path)
  if (!entry) throw new Error(path)
  return Buffer.from(
    await layer.source.read(entry.offset + offset, Math.min(length, entry.size - offset)),
  )
}

test('the layer built here is a gzip', () => {
  expect(gunzipSync(blob).length % 512).toBe(0)
})

test('entries are as in the table', async () => {
  const layer = await openEstargz(fetchRange, blob.length, { tocDigest })
  expect(requests).toHaveLength(1)
  const entries = new Map(layer.entries.map((entry) => [entry.path, entry]))
  expect(entries.get('bin/sh')).toMatchObject({
    kind: 'file',
    size: 250_000,
    mode: 0o644,
    uid: 1,
    gid: 2,
    mtime: 3,
  })
  expect(entries.get('d')).toMatchObject({ kind: 'directory', mode: 0o1777, size: 0 })
  expect(entries.get('d/l')).toMatchObject({ kind: 'symlink', target: '../x' })
  expect(entries.get('h')).toMatchObject({ kind: 'hardlink', target: 'bin/sh' })
  expect(entries.get('d/null')).toMatchObject({
    kind: 'character',
    major: 1,
    minor: 3,
    xattrs: { 'user.a': Uint8Array.of(1, 2) },
  })
})

test('every file is read, in any piece', async () => {
  const layer = await openEstargz(fetchRange, blob.length, { tocDigest })
  for (const [name, content] of files) {
    expect((await contentOf(layer, name)).equals(content), name).toBe(true)
    for (const [offset, length] of [
      [0, 1],
      [99_999, 2],
      [50_000, 150_000],
    ] as const)
      if (offset < content.length)
        expect(
          (await contentOf(layer, name, offset, length)).equals(
            content.subarray(offset, offset + length),
          ),
          name,
        ).toBe(true)
  }
  // Small files come along with their neighbours.
  expect(requests.length).toBeLessThan(15)
})

test('what is prefetched comes in one request and is read at once', async () => {
  const layer = await openEstargz(fetchRange, blob.length, { tocDigest })
  await layer.prefetch()
  expect(requests).toHaveLength(2)
  expect(requests[1]).toEqual([0, layer.prefetchSize])
  expect(layer.source.read(0, 250_000)).toBeInstanceOf(Uint8Array)
  expect((await contentOf(layer, 'lib/libc.so.6')).equals(files[1]?.[1] ?? Buffer.alloc(0))).toBe(
    true,
  )
  expect(requests).toHaveLength(2)
})

test('who reads before the first part is there waits for it', async () => {
  const layer = await openEstargz(fetchRange, blob.length, { tocDigest })
  const prefetch = layer.prefetch()
  expect((await contentOf(layer, 'bin/sh')).length).toBe(250_000)
  await prefetch
  expect(requests).toHaveLength(2)
})

test('one chunk that many ask for is fetched once', async () => {
  const layer = await openEstargz(fetchRange, blob.length, { tocDigest })
  await Promise.all(Array.from({ length: 20 }, () => contentOf(layer, 'f/3')))
  expect(requests).toHaveLength(2)
})

test('a table of another digest is refused', async () => {
  await expect(
    openEstargz(fetchRange, blob.length, { tocDigest: sha256(Buffer.alloc(1)) }),
  ).rejects.toMatchObject({
    code: 'invalid-parameter',
    message: expect.stringContaining('another digest') as string,
  })
})

test('what is no eStargz is refused', async () => {
  await expect(openEstargz(fetchRange, blob.length - 1)).rejects.toMatchObject({
    code: 'invalid-parameter',
  })
  await expect(openEstargz(fetchRange, 10)).rejects.toMatchObject({ code: 'invalid-parameter' })
})

test('a flipped byte is an error, until the right bytes come', async () => {
  const layer = await openEstargz(fetchRange, blob.length, { tocDigest })
  broken = (_, bytes) => {
    bytes[50] = (bytes[50] ?? 0) ^ 1
    return bytes
  }
  await expect(contentOf(layer, 'exact')).rejects.toMatchObject({ code: 'invalid-parameter' })
  broken = undefined
  expect((await contentOf(layer, 'exact')).equals(files.at(-1)?.[1] ?? Buffer.alloc(0))).toBe(true)
})

test('one lost connection is no error, two are', async () => {
  const layer = await openEstargz(fetchRange, blob.length, { tocDigest })
  let failures = 1
  broken = () => {
    if (failures-- > 0) throw new Error('connection reset')
    return undefined as unknown as Buffer
  }
  await contentOf(layer, 'f/1')
  failures = 2
  await expect(contentOf(layer, 'exact')).rejects.toThrow('connection reset')
})

describe('with a cache', () => {
  const open = async (cache: RangeCache): Promise<EstargzLayer> => {
    const layer = await openEstargz(fetchRange, blob.length, { tocDigest, cache })
    await layer.prefetch()
    await contentOf(layer, 'f/7')
    // Caching goes on behind.
    await new Promise((resolve) => setTimeout(resolve, 50))
    return layer
  }

  const digest = sha256(blob)
  const other = sha256(Buffer.from('another'))

  test('the next start fetches nothing, nor that of another blob', async () => {
    await using database = await EngineDatabase.open('ranges-1')
    const first = await openRangeCaches(database, [digest, other])
    await open(first(digest))
    await open(first(other))
    requests = []
    const second = await openRangeCaches(database, [other, digest])
    await open(second(digest))
    await open(second(other))
    expect(requests).toEqual([])
  })

  test('blobs that are used no more are forgotten', async () => {
    await using database = await EngineDatabase.open('ranges-2')
    await open((await openRangeCaches(database, [digest]))(digest))
    await openRangeCaches(database, [other])
    expect(await database.run(['ranges'], 'readonly', (store) => store('ranges').count())).toBe(0)
  })

  test('damage in it is noticed, and fetched anew', async () => {
    const kept = new Map<number, Uint8Array>()
    const cache: RangeCache = {
      get: (offset) => Promise.resolve(kept.get(offset)),
      set: (offset, bytes) => Promise.resolve(void kept.set(offset, bytes)),
    }
    await open(cache)
    for (const bytes of kept.values())
      for (let at = 40; at < bytes.length; at += 1000) bytes[at] = 7
    const layer = await open(cache)
    expect((await contentOf(layer, 'bin/sh')).equals(files[0]?.[1] ?? Buffer.alloc(0))).toBe(true)
    expect(
      (await contentOf(layer, 'f/7')).equals(
        files.find(([name]) => name === 'f/7')?.[1] ?? Buffer.alloc(0),
      ),
    ).toBe(true)
  })
})
