import { expect, test } from 'vitest'
import { parseMoment } from './moment.ts'

const now = Date.parse('2026-01-02T00:00:00Z')

test.each([
  ['24h', now - 86_400_000],
  ['1h30m', now - 5_400_000],
  ['1.5s', now - 1500],
  ['-1s', now + 1000],
  ['0', 0],
  ['1767225600.5', 1_767_225_600_500],
  ['2026-01-01T00:00:00Z', now - 86_400_000],
] as const)('%s', (text, moment) => expect(parseMoment(text, now)).toBe(moment))

test.each(['soon', '5x', ''])('%j is none', (text) =>
  expect(() => parseMoment(text, now)).toThrow(
    `failed to parse value as time or duration: "${text}"`,
  ),
)
