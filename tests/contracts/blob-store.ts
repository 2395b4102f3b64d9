import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Digest } from '../../src/core/digest.ts'
import type { BlobReader, BlobStore } from '../../src/ports/blob-store.ts'

const digestOf = (bytes: Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest

export async function* pieces(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const absent = digestOf(Buffer.from('absent'))
const listed = async (store: BlobStore): Promise<Map<Digest, number>> => {
  const found = new Map<Digest, number>()
  for await (const { digest, size } of store.list()) found.set(digest, size)
  return found
}
const contentOf = async (reader: BlobReader): Promise<Buffer> =>
  Buffer.from(await reader.read(0, reader.size + 1))

/** @param reopen the store that a process finds after the one before has gone; undefined: nothing is kept */
export function describeBlobStore(
  name: string,
  create: () => Promise<BlobStore>,
  reopen?: (store: BlobStore) => Promise<BlobStore>,
): void {
  describe(`BlobStore contract: ${name}`, () => {
    test('what is absent is not found', async () => {
      await using store = await create()
      await expect(store.open(absent)).rejects.toMatchObject({ code: 'not-found' })
      expect(await store.size(absent)).toBeUndefined()
      await store.delete(absent)
      expect(await listed(store)).toEqual(new Map())
    })

    test.each([0, 1, 65_536, 1_048_576, 3_000_001])('keeps a blob of %i bytes', async (size) => {
      await using store = await create()
      const bytes = randomBytes(size)
      const digest = digestOf(bytes)
      expect(await store.write(pieces(bytes), { digest })).toEqual({ digest, size })
      expect(await store.size(digest)).toBe(size)
      await using reader = await store.open(digest)
      expect(reader.size).toBe(size)
      expect((await contentOf(reader)).equals(bytes)).toBe(true)
      expect(await listed(store)).toEqual(new Map([[digest, size]]))
    })

    test('computes the digest when none is given', async () => {
      await using store = await create()
      const bytes = randomBytes(1000)
      expect(await store.write(pieces(bytes, 7))).toEqual({ digest: digestOf(bytes), size: 1000 })
    })

    test('reads any part, and less at the end only', async () => {
      await using store = await create()
      const bytes = randomBytes(2_500_000)
      const { digest } = await store.write(pieces(bytes))
      await using reader = await store.open(digest)
      for (const [offset, length] of [
        [0, 1],
        [1_048_570, 12],
        [100, 2_000_000],
        [2_499_990, 100],
        [2_500_000, 10],
        [9_000_000, 10],
        [262_143, 2],
        [5, 0],
      ] as const) {
        const part = Buffer.from(await reader.read(offset, length))
        expect(part.equals(bytes.subarray(offset, offset + length)), `${offset}+${length}`).toBe(
          true,
        )
      }
    })

    test('answers again at once what it has read', async () => {
      await using store = await create()
      const { digest } = await store.write(pieces(randomBytes(400_000)))
      await using reader = await store.open(digest)
      await reader.read(0, 400_000)
      expect(reader.read(1000, 300_000)).toBeInstanceOf(Uint8Array)
    })

    test('does not keep the bytes of the caller', async () => {
      await using store = await create()
      const bytes = Buffer.from('drydock')
      const { digest } = await store.write(pieces(bytes))
      bytes.fill(0)
      await using reader = await store.open(digest)
      expect((await contentOf(reader)).toString()).toBe('drydock')
    })

    test('refuses bytes of another digest, and keeps nothing of them', async () => {
      await using store = await create()
      const write = store.write(pieces(randomBytes(300_000)), { digest: absent })
      await expect(write).rejects.toMatchObject({ code: 'invalid-parameter' })
      expect(await listed(store)).toEqual(new Map())
    })

    test('only checks the bytes of what it has', async () => {
      await using store = await create()
      const bytes = randomBytes(300_000)
      const { digest } = await store.write(pieces(bytes))
      expect(await store.write(pieces(bytes), { digest })).toEqual({ digest, size: 300_000 })
      expect(await store.write(pieces(bytes))).toEqual({ digest, size: 300_000 })
      const other = store.write(pieces(randomBytes(300_000)), { digest })
      await expect(other).rejects.toMatchObject({ code: 'invalid-parameter' })
      await using reader = await store.open(digest)
      expect((await contentOf(reader)).equals(bytes)).toBe(true)
    })

    test('two writes of one blob at a time are one blob', async () => {
      await using store = await create()
      const bytes = randomBytes(1_500_000)
      await Promise.all([store.write(pieces(bytes)), store.write(pieces(bytes, 999))])
      expect(await listed(store)).toEqual(new Map([[digestOf(bytes), bytes.length]]))
      await using reader = await store.open(digestOf(bytes))
      expect((await contentOf(reader)).equals(bytes)).toBe(true)
    })

    test('an error of the source, and an abort, pass as they are and leave nothing', async () => {
      await using store = await create()
      const error = new Error('connection reset')
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield randomBytes(2_000_000)
        throw error
      }
      await expect(store.write(broken())).rejects.toBe(error)
      const controller = new AbortController()
      const aborted = async function* (): AsyncGenerator<Uint8Array> {
        yield randomBytes(2_000_000)
        controller.abort(error)
        yield randomBytes(10)
      }
      await expect(store.write(aborted(), { signal: controller.signal })).rejects.toBe(error)
      await expect(
        store.write(pieces(Buffer.from('x')), { signal: controller.signal }),
      ).rejects.toBe(error)
      expect(await listed(store)).toEqual(new Map())
    })

    test('deletes', async () => {
      await using store = await create()
      const { digest } = await store.write(pieces(randomBytes(2_000_000)))
      await store.delete(digest)
      await expect(store.open(digest)).rejects.toMatchObject({ code: 'not-found' })
      expect(await listed(store)).toEqual(new Map())
      await store.write(pieces(Buffer.from('next')))
    })

    test.runIf(reopen)('keeps whole blobs, and them alone, over a restart', async () => {
      const first = await create()
      const bytes = randomBytes(1_500_000)
      const { digest } = await first.write(pieces(bytes))
      let go: () => void = () => undefined
      const stuck = async function* (): AsyncGenerator<Uint8Array> {
        yield randomBytes(2_000_000)
        await new Promise<void>((resolve) => (go = resolve))
        throw new Error('gone')
      }
      const write = first.write(stuck())
      write.catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 50))
      await using store = (await reopen?.(first)) ?? first
      go()
      expect(await listed(store)).toEqual(new Map([[digest, bytes.length]]))
      await using reader = await store.open(digest)
      expect((await contentOf(reader)).equals(bytes)).toBe(true)
      await write.catch(() => undefined)
    })
  })
}
