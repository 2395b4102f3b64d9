import { expect, test } from 'vitest'
import { LogLines } from './log-lines.ts'
import { goTime, strictTimes } from './time.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (entries: ReturnType<LogLines['end']>): string[] =>
  entries.map((entry) => `${entry.stream} ${new TextDecoder().decode(entry.bytes)}`)

test('lines of two streams, a rest at the end, long lines in parts', () => {
  let now = 0
  const lines = new LogLines(() => String(now++))
  expect(text(lines.push('stdout', bytes('a\nb')))).toEqual(['stdout a\n'])
  expect(text(lines.push('stderr', bytes('x\n')))).toEqual(['stderr x\n'])
  expect(text(lines.push('stdout', bytes('c\n\nd')))).toEqual(['stdout bc\n', 'stdout \n'])
  expect(text(lines.end())).toEqual(['stdout d'])
  const long = lines.push('stdout', bytes('z'.repeat(40_000)))
  expect(long.map((entry) => entry.bytes.length)).toEqual([16_384, 16_384])
  expect(lines.end()[0]?.bytes.length).toBe(40_000 - 2 * 16_384)
})

test('times never repeat and never go back', () => {
  const readings = [1000.5, 1000.5, 999, 1999.999_999_9, 1999.999_999_9, 2000]
  const times = strictTimes({
    now: () => readings.shift() ?? 0,
    monotonic: () => 0,
    sleep: () => Promise.resolve(),
    randomBytes: (length) => new Uint8Array(length),
  })
  const got = Array.from({ length: 6 }, times)
  expect(got[0]).toBe('1970-01-01T00:00:01.000500000Z')
  expect(got[1]).toBe('1970-01-01T00:00:01.000500001Z')
  expect([...new Set(got)].sort()).toEqual(got)
})

test('times as Go prints them', () => {
  expect(goTime('2026-01-01T00:00:00.120000000Z')).toBe('2026-01-01T00:00:00.12Z')
  expect(goTime('2026-01-01T00:00:00.000000000Z')).toBe('2026-01-01T00:00:00Z')
})
