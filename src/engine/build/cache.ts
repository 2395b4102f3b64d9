import type { Digest } from '../../core/digest.ts'
import type { Context } from '../context.ts'
import type { LayerPin } from '../images/layer-store.ts'
import type { CacheUsage } from './cache-usage.ts'

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

/** Layers of build steps, by what made them. It survives a reload. */
export class BuildCache {
  readonly #context: Context
  readonly #records: Map<Digest, CacheRecord>
  /** Records whose last use isn't stored. */
  readonly #touched = new Set<Digest>()
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

  /** A hit counts as a use, and is stored with the others of its build. */
  find(key: Digest): CacheRecord | undefined {
    const record = this.#records.get(key)
    if (!record) return undefined
    const used: CacheRecord = { ...record, lastUsed: this.#now(), uses: record.uses + 1 }
    this.#records.set(key, used)
    this.#touched.add(key)
    return used
  }

  /** Store when records were last used; what is lost of that is no more than that. It never rejects. */
  async flush(): Promise<void> {
    const { records, log } = this.#context
    const changes = [...this.#touched].flatMap((key) => {
      const value = this.#records.get(key)
      return value ? [{ kind: 'build-cache' as const, key, value }] : []
    })
    this.#touched.clear()
    if (changes.length === 0) return
    await records
      .commit(changes)
      .catch((error: unknown) => log.add(`build cache: ${String(error)}`))
  }

  /**
   * Known from now on.
   * @param pin of the layer, which the caller releases when `stored` has settled
   * @returns settled when the record is durable, or given up
   */
  put(record: Omit<CacheRecord, 'lastUsed' | 'uses'>, pin: LayerPin): Promise<void> {
    const { records, log } = this.#context
    const value: CacheRecord = { ...record, lastUsed: record.created, uses: 1 }
    const before = this.#records.get(record.key)
    this.#records.set(record.key, value)
    this.#count(value.diffId, 1)
    if (before) this.#count(before.diffId, -1)
    return records
      .commit([...pin.changes(), { kind: 'build-cache', key: record.key, value }])
      .catch((error: unknown) => {
        log.add(`build cache: ${String(error)}`)
        if (this.#records.get(record.key) !== value) return
        this.#records.delete(record.key)
        this.#count(value.diffId, -1)
      })
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
   * Forget records by their ids; unknown ones are no error.
   * @returns the layers that no record names any more
   */
  async forget(ids: readonly string[]): Promise<Digest[]> {
    const wanted = new Set(ids)
    const gone = [...this.#records.values()].filter(({ key }) => wanted.has(idOf(key)))
    await this.#context.records.commit(
      gone.map(({ key }) => ({ kind: 'build-cache', key, delete: true }) as const),
    )
    for (const { key, diffId } of gone) {
      if (this.#records.delete(key)) this.#count(diffId, -1)
    }
    const layers = [...new Set(gone.map(({ diffId }) => diffId))]
    return layers.filter((diffId) => !this.holds(diffId))
  }

  #now(): string {
    return new Date(this.#context.clock.now()).toISOString()
  }
}

/** 25 characters, as BuildKit's ids have. */
const idOf = (key: Digest): string => key.slice('sha256:'.length, 'sha256:'.length + 25)
