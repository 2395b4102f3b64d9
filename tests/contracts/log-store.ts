import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { LogEntry, LogStore } from '../../src/ports/log-store.ts'

const entry = (
  text: string | Uint8Array,
  at = 0,
  stream: LogEntry['stream'] = 'stdout',
): LogEntry => ({
  stream,
  time: `2026-01-02T03:04:${String(at % 60).padStart(2, '0')}.${String(at).padStart(9, '0')}Z`,
  bytes: typeof text === 'string' ? new TextEncoder().encode(text) : text,
})

const readAll = async (store: LogStore, container: string): Promise<LogEntry[]> => {
  const entries: LogEntry[] = []
  for await (const { stream, time, bytes } of store.read(container))
    entries.push({ stream, time, bytes: new Uint8Array(bytes) })
  return entries
}

/** @param create a store that keeps about `bound` bytes per container */
export function describeLogStore(
  name: string,
  create: (bound?: number) => Promise<LogStore>,
  reopen?: (store: LogStore) => Promise<LogStore>,
): void {
  describe(`LogStore contract: ${name}`, () => {
    test('an unknown container has no log', async () => {
      await using store = await create()
      expect(await readAll(store, 'none')).toEqual([])
      await store.delete('none')
      await store.flush()
    })

    test('keeps entries in order, apart for each container', async () => {
      await using store = await create()
      const entries = Array.from({ length: 300 }, (_, at) =>
        entry(`line ${at}\n`, at, at % 3 ? 'stdout' : 'stderr'),
      )
      store.append('a', entries.slice(0, 100))
      store.append('b', [entry('other\n')])
      store.append('a', entries.slice(100, 101))
      expect(await readAll(store, 'a')).toEqual(entries.slice(0, 101))
      for (const one of entries.slice(101)) store.append('a', [one])
      await store.flush()
      expect(await readAll(store, 'a')).toEqual(entries)
      expect(await readAll(store, 'b')).toEqual([entry('other\n')])
    })

    test('keeps any bytes', async () => {
      await using store = await create()
      const entries = [
        entry(''),
        entry('no newline'),
        entry(Uint8Array.of(0, 0xff, 0x0a, 0xc3)),
        entry(new Uint8Array(randomBytes(70_000))),
        entry('"\\\u2028🐋'),
      ]
      store.append('a', entries)
      await store.flush()
      expect(await readAll(store, 'a')).toEqual(entries)
    })

    test('does not keep the bytes of the caller', async () => {
      await using store = await create()
      const one = entry('drydock')
      store.append('a', [one])
      one.bytes.fill(0)
      expect(new TextDecoder().decode((await readAll(store, 'a'))[0]?.bytes)).toBe('drydock')
    })

    test('drops the oldest over its bound', async () => {
      await using store = await create(100_000)
      for (let at = 0; at < 400; at++) {
        store.append('a', [entry(`${at} ${'x'.repeat(1000)}`, at)])
        if (at % 40 === 0) await store.flush()
      }
      const found = await readAll(store, 'a')
      const size = found.reduce((sum, { bytes }) => sum + bytes.length, 0)
      expect(size).toBeLessThan(200_000)
      expect(size).toBeGreaterThan(30_000)
      // What is left has no gap, and ends with the newest.
      const numbers = found.map(({ bytes }) => Number.parseInt(new TextDecoder().decode(bytes), 10))
      expect(numbers).toEqual(numbers.map((_, at) => 400 - numbers.length + at))
    })

    test('deletes, and a new log starts empty', async () => {
      await using store = await create()
      store.append('a', [entry('old')])
      await store.flush()
      store.append('a', [entry('old, not flushed')])
      await store.delete('a')
      expect(await readAll(store, 'a')).toEqual([])
      store.append('a', [entry('new')])
      expect(await readAll(store, 'a')).toEqual([entry('new')])
    })

    test('a reader that stops early harms nothing', async () => {
      await using store = await create()
      store.append(
        'a',
        Array.from({ length: 1000 }, (_, at) => entry('x'.repeat(1000), at)),
      )
      for await (const one of store.read('a')) {
        expect(one.bytes).toHaveLength(1000)
        break
      }
      store.append('a', [entry('last')])
      expect(await readAll(store, 'a')).toHaveLength(1001)
    })

    test.runIf(reopen)('keeps what was flushed over a restart, and goes on after it', async () => {
      const first = await create()
      first.append('a', [entry('one')])
      await first.flush()
      await using store = (await reopen?.(first)) ?? first
      store.append('a', [entry('two')])
      expect(await readAll(store, 'a')).toEqual([entry('one'), entry('two')])
    })
  })
}
