import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from './go-duration.ts'

test.each([
  ['0', 0],
  ['-0', 0],
  ['1m30s', 90e9],
  ['500ms', 5e8],
  ['1.5h', 5400e9],
  ['.5s', 5e8],
  ['+2us', 2e3],
  ['3µs', 3e3],
  ['3μs', 3e3],
  ['-1h2m', -3720e9],
] as const)('%s', (text, nanoseconds) => expect(parseDuration(text)).toBe(nanoseconds))

// Go's own words (time, ParseDuration).
test.each([
  ['', 'time: invalid duration ""'],
  ['-', 'time: invalid duration "-"'],
  ['soon', 'time: invalid duration "soon"'],
  ['.', 'time: invalid duration "."'],
  ['5', 'time: missing unit in duration "5"'],
  ['1h5', 'time: missing unit in duration "1h5"'],
  ['5d', 'time: unknown unit "d" in duration "5d"'],
  ['1h2days', 'time: unknown unit "days" in duration "1h2days"'],
  ['1s ', 'time: unknown unit "s " in duration "1s "'],
])('%j is none', (text, message) => expect(() => parseDuration(text)).toThrow(new Error(message)))

test('are printed as Go does', () => {
  expect([0, 7, 1500, 5e8, 30e9, 90e9, 5400e9, -1.5e9].map(formatDuration)).toEqual([
    '0s',
    '7ns',
    '1.5µs',
    '500ms',
    '30s',
    '1m30s',
    '1h30m0s',
    '-1.5s',
  ])
})
