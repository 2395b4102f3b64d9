import { EngineError } from '../../core/error.ts'
import type { Filters } from '../filters.ts'
import { parseMoment } from '../moment.ts'

/** As `system df -v` and `builder du` show a record of the cache (Engine API, BuildCache). */
export interface CacheUsage {
  readonly ID: string
  readonly Parents?: readonly string[]
  readonly Type: 'regular' | 'exec.cachemount'
  readonly Description: string
  readonly InUse: boolean
  readonly Shared: boolean
  /** Bytes. */
  readonly Size: number
  /** RFC 3339 */
  readonly CreatedAt: string
  readonly LastUsedAt: string
  readonly UsageCount: number
}

export interface CachePrune {
  /** Those whose layer an image has, too. */
  readonly all: boolean
  /** Bytes that may stay. */
  readonly keep: number
  readonly filters: Filters
}

const FILTERS = [
  'until',
  'id',
  'parent',
  'type',
  'description',
  'inuse',
  'mutable',
  'immutable',
  'shared',
  'private',
  'unused-for',
] as const

/**
 * Records that go, the ones that were not used for longest first.
 * @param now milliseconds since 1970
 * @throws EngineError `invalid-parameter` for a filter that can't be read
 */
export function recordsToPrune(
  records: readonly CacheUsage[],
  { all, keep, filters }: CachePrune,
  now: number,
): CacheUsage[] {
  const wanted = selector(filters, now)
  const candidates = records
    .filter((record) => !record.InUse && (all || !record.Shared) && wanted(record))
    .sort((left, right) => (left.LastUsedAt < right.LastUsedAt ? -1 : 1))
  let total = records.reduce((sum, { Size }) => sum + Size, 0)
  const gone: CacheUsage[] = []
  for (const record of candidates) {
    if (keep > 0 && total <= keep) break
    total -= record.Size
    gone.push(record)
  }
  return gone
}

function selector(filters: Filters, now: number): (record: CacheUsage) => boolean {
  filters.check(FILTERS)
  const ages = [...filters.get('until'), ...filters.get('unused-for')].map((text) =>
    parseMoment(text, now),
  )
  const isOneOf = (key: string, values: readonly string[]): boolean =>
    !filters.has(key) ||
    filters.get(key).some((prefix) => values.some((value) => value.startsWith(prefix)))
  return (record) =>
    ages.every((moment) => Date.parse(record.LastUsedAt) < moment) &&
    isOneOf('id', [record.ID]) &&
    isOneOf('parent', record.Parents ?? []) &&
    (!filters.has('type') || filters.get('type').includes(record.Type)) &&
    (!filters.has('description') ||
      filters.get('description').some((text) => record.Description.includes(text))) &&
    !filters.has('inuse') &&
    (!filters.has('mutable') || record.Type === 'exec.cachemount') &&
    (!filters.has('immutable') || record.Type === 'regular') &&
    (!filters.has('shared') || record.Shared) &&
    (!filters.has('private') || !record.Shared)
}

/** @throws EngineError `invalid-parameter` */
export function parseKeep(text: string): number {
  if (text === '') return 0
  if (!/^\d+$/.test(text)) {
    throw new EngineError('invalid-parameter', `keep-storage is in bytes and expects an integer`)
  }
  return Number(text)
}
