import { describe, expect, test } from 'vitest'
import { DISK_BLOCK, type DiskStore } from '../../src/ports/disk-store.ts'

const BLOCKS = 2048

/** Opens stores of BLOCKS blocks: a new one, and the same again as another process would find it. */
export interface DiskStores {
  create(): Promise<DiskStore>
  reopen(store: DiskStore): Promise<DiskStore>
}

/** A small generator: the same numbers each time. */
export function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A block that says who wrote it. */
function blockOf(number: number): Uint8Array {
  return new Uint8Array(new Uint32Array(DISK_BLOCK / 4).fill(number).buffer)
}

const readAll = async (store: DiskStore, blocks = store.size / DISK_BLOCK): Promise<number[]> => {
  const bytes = await store.read(0, blocks * DISK_BLOCK)
  return [...new Uint32Array(bytes.slice().buffer)].filter((_, at) => at % (DISK_BLOCK / 4) === 0)
}

export function describeDiskStore(name: string, stores: DiskStores): void {
  describe(`DiskStore contract: ${name}`, () => {
    test('blocks never written are zero, others are as they were written', async () => {
      await using store = await stores.create()
      expect(store.size).toBe(BLOCKS * DISK_BLOCK)
      expect(await store.read(0, 8 * DISK_BLOCK)).toEqual(new Uint8Array(8 * DISK_BLOCK))
      await store.write(2 * DISK_BLOCK, blockOf(7))
      const bytes = await store.read(DISK_BLOCK, 3 * DISK_BLOCK)
      expect(bytes.subarray(DISK_BLOCK, 2 * DISK_BLOCK)).toEqual(blockOf(7))
      expect(bytes.subarray(0, DISK_BLOCK)).toEqual(new Uint8Array(DISK_BLOCK))
    })

    test('what was flushed is there for the next process, what was discarded is not', async () => {
      const store = await stores.create()
      await store.write(0, blockOf(1))
      await store.write(5 * DISK_BLOCK, blockOf(2))
      await store.flush()
      store.discard(0, 3 * DISK_BLOCK)
      await store.flush()
      await store.write(5 * DISK_BLOCK, blockOf(3))
      await store[Symbol.asyncDispose]()
      await using again = await stores.reopen(store)
      expect(await readAll(again, 7)).toEqual([0, 0, 0, 0, 0, 2, 0])
    })

    test('requests beyond the end or between blocks are refused', async () => {
      await using store = await stores.create()
      expect(() => store.read(store.size, DISK_BLOCK)).toThrow('no blocks of the disk')
      expect(() => store.write(1, blockOf(1))).toThrow('no blocks of the disk')
      expect(() => store.discard(0, 5)).toThrow('no blocks of the disk')
    })

    test('it grows, and stays grown', async () => {
      const store = await stores.create()
      await store.grow(2 * BLOCKS * DISK_BLOCK)
      await store.write((2 * BLOCKS - 1) * DISK_BLOCK, blockOf(9))
      await store.flush()
      await store[Symbol.asyncDispose]()
      await using again = await stores.reopen(store)
      expect(again.size).toBe(2 * BLOCKS * DISK_BLOCK)
      expect((await readAll(again)).at(-1)).toBe(9)
    })

    test('anything written, discarded, flushed and reopened in any order reads as a disk does', async () => {
      const next = chance(1)
      let store = await stores.create()
      let model = Array.from({ length: BLOCKS }, () => 0)
      let flushed = model
      for (let step = 1; step <= 600; step++) {
        const kind = next(20)
        const first = next(BLOCKS)
        const count = Math.min(BLOCKS - first, 1 + next(next(4) === 0 ? 700 : 8))
        if (kind < 11) {
          const bytes = new Uint8Array(count * DISK_BLOCK)
          for (let at = 0; at < count; at++) bytes.set(blockOf(step), at * DISK_BLOCK)
          await store.write(first * DISK_BLOCK, bytes)
          model = model.map((old, at) => (at >= first && at < first + count ? step : old))
        } else if (kind < 14) {
          store.discard(first * DISK_BLOCK, count * DISK_BLOCK)
          model = model.map((old, at) => (at >= first && at < first + count ? 0 : old))
        } else if (kind < 17) {
          await store.flush()
          flushed = model
        } else if (kind < 18) {
          await store.flush()
          flushed = model
          await store[Symbol.asyncDispose]()
          store = await stores.reopen(store)
        } else {
          const bytes = await store.read(first * DISK_BLOCK, count * DISK_BLOCK)
          const words = new Uint32Array(bytes.slice().buffer)
          for (let at = 0; at < count; at++)
            expect(words[(at * DISK_BLOCK) / 4]).toBe(model[first + at])
        }
      }
      expect(await readAll(store)).toEqual(model)
      await store.flush()
      flushed = model
      await store[Symbol.asyncDispose]()
      await using last = await stores.reopen(store)
      expect(await readAll(last)).toEqual(flushed)
      // What was overwritten is cleared away: no more than three times what is used, and 16 MiB.
      const { used, stored } = last.usage()
      expect(stored).toBeLessThan(3 * used + (33 << 20))
    }, 60_000)

    test('space that was freed is freed in the store', async () => {
      const store = await stores.create()
      for (let round = 0; round < 12; round++) {
        for (let at = 0; at < BLOCKS; at += 512) {
          const bytes = new Uint8Array(512 * DISK_BLOCK).fill(round + 1)
          await store.write(at * DISK_BLOCK, bytes)
        }
        await store.flush()
      }
      store.discard(0, store.size)
      await store.flush()
      await store[Symbol.asyncDispose]()
      await using again = await stores.reopen(store)
      await again.flush()
      await again.write(0, blockOf(1))
      await again.flush()
      await again.flush()
      expect(again.usage().used).toBe(DISK_BLOCK)
      expect(again.usage().stored).toBeLessThan(33 << 20)
    })
  })
}

export const TEST_DISK_SIZE: number = BLOCKS * DISK_BLOCK
export { blockOf, readAll }
