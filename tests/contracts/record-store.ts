import { describe, expect, test } from 'vitest'
import type { RecordStore } from '../../src/ports/record-store.ts'

/** @param reopen the store that a process finds after the one before has gone; undefined: nothing is kept */
export function describeRecordStore(
  name: string,
  create: () => Promise<RecordStore>,
  reopen?: (store: RecordStore) => Promise<RecordStore>,
): void {
  describe(`RecordStore contract: ${name}`, () => {
    test('what is absent is undefined', async () => {
      await using store = await create()
      expect(await store.get('image', 'a')).toBeUndefined()
      expect(await store.list('image')).toEqual(new Map())
      await store.commit([])
      await store.commit([{ kind: 'image', key: 'a', delete: true }])
    })

    test('keeps JSON by kind and key', async () => {
      await using store = await create()
      const value = { text: 'ü\u0000\udc80', list: [1, null, { deep: true }], empty: {} }
      await store.commit([
        { kind: 'image', key: 'a', value },
        { kind: 'image', key: '__proto__', value: 1 },
        { kind: 'container', key: 'a', value: 'other' },
      ])
      expect(await store.get('image', 'a')).toEqual(value)
      expect(await store.get('image', '__proto__')).toBe(1)
      expect(await store.list('image')).toEqual(
        new Map<string, unknown>([
          ['a', value],
          ['__proto__', 1],
        ]),
      )
      expect(await store.list('container')).toEqual(new Map([['a', 'other']]))
      expect(await store.list('volume')).toEqual(new Map())
    })

    test('applies changes in order', async () => {
      await using store = await create()
      await store.commit([
        { kind: 'image', key: 'a', value: 1 },
        { kind: 'image', key: 'a', value: 2 },
        { kind: 'image', key: 'b', value: 1 },
        { kind: 'image', key: 'b', delete: true },
      ])
      expect(await store.list('image')).toEqual(new Map([['a', 2]]))
    })

    test('is not changed through values that went in or came out', async () => {
      await using store = await create()
      const value = { list: [1] }
      const commit = store.commit([{ kind: 'image', key: 'a', value }])
      value.list.push(2)
      await commit
      const got = (await store.get('image', 'a')) as typeof value
      got.list.push(3)
      expect(await store.get('image', 'a')).toEqual({ list: [1] })
    })

    test('takes many commits at a time', async () => {
      await using store = await create()
      await Promise.all(
        Array.from({ length: 200 }, (_, at) =>
          store.commit([{ kind: 'setting', key: `${at % 50}`, value: at }]),
        ),
      )
      const found = await store.list('setting')
      expect(found.size).toBe(50)
      expect(found.get('49')).toBe(199)
    })

    test.runIf(reopen)('keeps all over a restart', async () => {
      const first = await create()
      await first.commit([
        { kind: 'image', key: 'a', value: 1 },
        { kind: 'layer', key: 'b', value: { size: 2 } },
      ])
      await first.commit([{ kind: 'image', key: 'a', delete: true }])
      await using store = (await reopen?.(first)) ?? first
      expect(await store.list('image')).toEqual(new Map())
      expect(await store.get('layer', 'b')).toEqual({ size: 2 })
      await store.commit([{ kind: 'image', key: 'c', value: 3 }])
      expect(await store.get('image', 'c')).toBe(3)
    })
  })
}
