import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { Context } from '../context.ts'
import type { Filters } from '../filters.ts'
import type { LayerPin } from '../images/layer-store.ts'
import { parseMoment } from '../moment.ts'

/** A step's layer in the record store, kind `build-cache`, by its key. */
export interface CacheRecord {
  readonly key: Digest
  readonly diffId: Digest
  /** Bytes of the layer's files. */
  readonly size: number
  /** Key of the step that it stands on, where it came from the cache or was made by a step. */
  readonly parent?: Digest
  /** `[2/4] RUN make` without its number. */
  readonly description: string
  /** RFC 3339 */
  readonly created: string
  readonly lastUsed: string
  readonly uses: number
}

/** As `system df -v` and `builder du` show a record (Engine API, BuildCache). */
export interface CacheUsage {
  readonly ID: string
  readonly Parents?: readonly string[]
  readonly Type: 'regular'
  readonly Description: string
  readonly InUse: boolean
  readonly Shared: boolean
  readonly Size: number
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
  'shared',
  'private',
  'unused-for',
] as const

/** Layers of build steps, by what made them. It survives a reload. */
export class BuildCache {
  readonly #context: Context
  readonly #records: Map<Digest, CacheRecord>
  /** How many records name a layer. */
  readonly #held = new Map<Digest, number>()

  private constructor(context: Context, records: Map<Digest, CacheRecord>) {
    this.#context = context
    this.#records = records
    for (const { diffId } of records.values()) this.#count(diffId, 1)
  }

  static async open(context: Context): Promise<BuildCache> {
    const stored = await context.records.list('build-cache')
    return new BuildCache(
      context,
      new Map([...stored].map(([key, value]) => [key as Digest, value as CacheRecord] as const)),
    )
  }

  #count(diffId: Digest, change: 1 | -1): void {
    const count = (this.#held.get(diffId) ?? 0) + change
    if (count === 0) this.#held.delete(diffId)
    else this.#held.set(diffId, count)
  }

  /** Whether a layer must stay for the cache's sake. */
  holds(diffId: Digest): boolean {
    return this.#held.has(diffId)
  }

  /** A hit counts as a use. */
  find(key: Digest): CacheRecord | undefined {
    const record = this.#records.get(key)
    if (!record) return undefined
    const used: CacheRecord = { ...record, lastUsed: this.#now(), uses: record.uses + 1 }
    this.#records.set(key, used)
    // What is lost of it is when it was last used.
    this.#context.records
      .commit([{ kind: 'build-cache', key, value: used }])
      .catch((error: unknown) => this.#context.log.add(`build cache: ${String(error)}`))
    return used
  }

  /** @param pin of the layer, which the caller releases */
  async put(record: Omit<CacheRecord, 'lastUsed' | 'uses'>, pin: LayerPin): Promise<CacheRecord> {
    const value: CacheRecord = { ...record, lastUsed: record.created, uses: 1 }
    await this.#context.records.commit([
      ...pin.changes(),
      { kind: 'build-cache', key: record.key, value },
    ])
    const before = this.#records.get(record.key)
    this.#records.set(record.key, value)
    this.#count(value.diffId, 1)
    if (before) this.#count(before.diffId, -1)
    return value
  }

  /** @param isShared whether an image has a layer, too */
  usage(isShared: (diffId: Digest) => boolean): CacheUsage[] {
    return [...this.#records.values()].map((record) => ({
      ID: idOf(record.key),
      ...(record.parent ? { Parents: [idOf(record.parent)] } : {}),
      Type: 'regular',
      Description: record.description,
      InUse: false,
      Shared: isShared(record.diffId),
      Size: record.size,
      CreatedAt: record.created,
      LastUsedAt: record.lastUsed,
      UsageCount: record.uses,
    }))
  }

  /**
   * Forget records, the ones that were not used for longest first.
   * @returns their ids and the layers that no record names any more
   * @throws EngineError `invalid-parameter` for a filter that can't be read
   */
  async prune(
    { all, keep, filters }: CachePrune,
    isShared: (diffId: Digest) => boolean,
  ): Promise<{ readonly ids: string[]; readonly layers: Digest[] }> {
    const wanted = this.#selector(filters, isShared)
    const candidates = [...this.#records.values()]
      .filter((record) => (all || !isShared(record.diffId)) && wanted(record))
      .sort((left, right) => (left.lastUsed < right.lastUsed ? -1 : 1))
    let total = [...this.#records.values()].reduce((sum, { size }) => sum + size, 0)
    const gone: CacheRecord[] = []
    for (const record of candidates) {
      if (keep > 0 && total <= keep) break
      total -= record.size
      gone.push(record)
    }
    await this.#context.records.commit(
      gone.map(({ key }) => ({ kind: 'build-cache', key, delete: true }) as const),
    )
    for (const { key, diffId } of gone) {
      if (this.#records.delete(key)) this.#count(diffId, -1)
    }
    const layers = [...new Set(gone.map(({ diffId }) => diffId))]
    return {
      ids: gone.map(({ key }) => idOf(key)),
      layers: layers.filter((diffId) => !this.holds(diffId)),
    }
  }

  #selector(
    filters: Filters,
    isShared: (diffId: Digest) => boolean,
  ): (record: CacheRecord) => boolean {
    filters.check(FILTERS)
    const now = this.#context.clock.now()
    const ages = [...filters.get('until'), ...filters.get('unused-for')].map((text) =>
      parseMoment(text, now),
    )
    const isOneOf = (key: string, value: string | undefined): boolean =>
      !filters.has(key) || filters.get(key).some((prefix) => value?.startsWith(prefix) ?? false)
    return (record) =>
      ages.every((moment) => Date.parse(record.lastUsed) < moment) &&
      isOneOf('id', idOf(record.key)) &&
      isOneOf('parent', record.parent && idOf(record.parent)) &&
      (!filters.has('type') || filters.get('type').includes('regular')) &&
      (!filters.has('description') ||
        filters.get('description').some((text) => record.description.includes(text))) &&
      !filters.has('inuse') &&
      (!filters.has('shared') || isShared(record.diffId)) &&
      (!filters.has('private') || !isShared(record.diffId))
  }

  #now(): string {
    return new Date(this.#context.clock.now()).toISOString()
  }
}

/** 25 characters, as BuildKit's ids have. */
const idOf = (key: Digest): string => key.slice('sha256:'.length, 'sha256:'.length + 25)

/** @throws EngineError `invalid-parameter` */
export function parseKeep(text: string): number {
  if (text === '') return 0
  if (!/^\d+$/.test(text)) {
    throw new EngineError('invalid-parameter', `keep-storage is in bytes and expects an integer`)
  }
  return Number(text)
}
