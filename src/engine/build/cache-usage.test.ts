import { expect, test } from 'vitest'
import { Filters } from '../filters.ts'
import { parseKeep, recordsToPrune, type CachePrune, type CacheUsage } from './cache-usage.ts'

const NOW = Date.parse('2026-01-02T00:00:00Z')

const record = (ID: string, hour: number, more: Partial<CacheUsage> = {}): CacheUsage => ({
  ID,
  Type: 'regular',
  Description: `RUN ${ID}`,
  InUse: false,
  Shared: false,
  Size: 100,
  CreatedAt: '2026-01-01T00:00:00Z',
  LastUsedAt: `2026-01-01T${String(hour).padStart(2, '0')}:00:00Z`,
  UsageCount: 1,
  ...more,
})

const records = [
  record('new', 23),
  record('old', 1, { Parents: ['new'] }),
  record('shared', 2, { Shared: true }),
  record('used', 3, { InUse: true }),
  record('mount', 4, { Type: 'exec.cachemount', Size: 1000, Description: 'cached mount /c' }),
]

const pruned = (options: Partial<CachePrune>): string[] =>
  recordsToPrune(records, { all: false, keep: 0, filters: new Filters(), ...options }, NOW).map(
    ({ ID }) => ID,
  )

test.each([
  ['what no image shares and nobody uses, the oldest first', {}, ['old', 'mount', 'new']],
  ['with all, what images share as well', { all: true }, ['old', 'shared', 'mount', 'new']],
  ['until little enough is left', { keep: 1350 }, ['old']],
  ['until it fits exactly', { keep: 300 }, ['old', 'mount']],
  ['nothing when little is there', { keep: 10_000 }, []],
] as const)('%s', (_, options, expected) => {
  expect(pruned(options)).toEqual(expected)
})

test.each([
  [{ until: ['12h'] }, ['old', 'mount']],
  [{ 'unused-for': ['19h'] }, ['old', 'mount']],
  [{ id: ['ne'] }, ['new']],
  [{ parent: ['new'] }, ['old']],
  [{ type: ['exec.cachemount'] }, ['mount']],
  [{ mutable: ['true'] }, ['mount']],
  [{ immutable: ['true'] }, ['old', 'new']],
  [{ description: ['RUN o'] }, ['old']],
  [{ inuse: ['true'] }, []],
  [{ shared: ['true'] }, []],
  [{ private: ['true'] }, ['old', 'mount', 'new']],
  [{ until: ['12h'], type: ['regular'] }, ['old']],
])('the filter %j', (filters: Readonly<Record<string, readonly string[]>>, expected) => {
  expect(pruned({ filters: new Filters(filters) })).toEqual(expected)
})

test('what no filter is', () => {
  expect(() => pruned({ filters: new Filters({ size: ['1'] }) })).toThrow("invalid filter 'size'")
  expect(() => parseKeep('1g')).toThrow('keep-storage is in bytes')
  expect(parseKeep('')).toBe(0)
})
