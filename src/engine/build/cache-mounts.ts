import type { TarMember } from '../../codec/tar/write.ts'
import { EngineError } from '../../core/error.ts'
import type { RootfsNode } from '../../core/layer.ts'
import type { Context } from '../context.ts'
import { KeyedMutex, Mutex } from '../mutex.ts'
import type { CacheUsage } from './cache-usage.ts'
import { fillDirectory } from './disk-directory.ts'

/** A cache mount's directory in the record store, kind `build-mount`, by the name of the volume that holds it. */
interface CacheMountRecord {
  readonly schema: 1
  readonly description: string
  /** RFC 3339 */
  readonly created: string
  readonly lastUsed: string
  readonly uses: number
}

export interface CacheRequest {
  /** 64 hex characters, of the mount's id and of what it begins with. */
  readonly key: string
  readonly sharing: 'shared' | 'private' | 'locked'
  /** Of the directory, when it is made. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** What it begins with. */
  readonly seed?: RootfsNode
  readonly description: string
}

/** A cache mount in use. */
export interface CacheLease extends Disposable {
  /** Of the machine's disk. */
  readonly volume: string
}

const PREFIX = 'build-cache-'

/** Directories of `RUN --mount=type=cache`: on the machine's disk, beside the volumes but not among them. */
export class CacheMounts {
  readonly #context: Context
  readonly #records: Map<string, CacheMountRecord>
  /** How many use each. */
  readonly #used = new Map<string, number>()
  readonly #locked = new KeyedMutex()
  readonly #making = new Mutex()

  private constructor(context: Context, records: Map<string, CacheMountRecord>) {
    this.#context = context
    this.#records = records
  }

  static async open(context: Context): Promise<CacheMounts> {
    const stored = await context.records.list('build-mount')
    return new CacheMounts(
      context,
      new Map([...stored].map(([name, value]) => [name, value as CacheMountRecord] as const)),
    )
  }

  /** Whether a volume of the disk is one of them. */
  has(volume: string): boolean {
    return this.#records.has(volume)
  }

  /**
   * `shared` is used with others, `private` by nobody else at a time, for `locked` the others are waited for.
   * @throws EngineError `not-implemented` without a disk
   */
  async take(request: CacheRequest, signal: AbortSignal): Promise<CacheLease> {
    const { key, sharing } = request
    const lock = sharing === 'locked' ? await this.#locked.lock(key, signal) : undefined
    try {
      using _ = await this.#making.lock(signal)
      const nameOf = (index: number): string =>
        `${PREFIX}${key.slice(0, 40)}${index === 0 ? '' : `-${index}`}`
      let index = 0
      if (sharing === 'private') while (this.#used.has(nameOf(index))) index++
      const volume = nameOf(index)
      await this.#make(volume, request)
      this.#use(volume, 1)
      return {
        volume,
        [Symbol.dispose]: () => {
          this.#use(volume, -1)
          lock?.[Symbol.dispose]()
        },
      }
    } catch (error) {
      lock?.[Symbol.dispose]()
      throw error
    }
  }

  #use(volume: string, change: 1 | -1): void {
    const count = (this.#used.get(volume) ?? 0) + change
    if (count === 0) this.#used.delete(volume)
    else this.#used.set(volume, count)
  }

  /** The record last: a directory without one is cleared away at the next start, so half of a seed is never taken for it. */
  async #make(volume: string, { mode, uid, gid, seed, description }: CacheRequest): Promise<void> {
    const { machine, records, clock } = this.#context
    if (!machine.disk) {
      throw new EngineError('not-implemented', 'this engine has no disk for cache mounts')
    }
    const now = new Date(clock.now()).toISOString()
    const known = this.#records.get(volume)
    if (!known) {
      await machine.disk.removeVolume(volume)
      await machine.disk.makeVolume(volume)
      const root: Pick<TarMember, 'mode' | 'uid' | 'gid'> = { mode, uid, gid }
      await fillDirectory(machine.files, volume, [{ path: '_data', ...root, node: seed }])
    }
    const record: CacheMountRecord = known
      ? { ...known, lastUsed: now, uses: known.uses + 1 }
      : { schema: 1, description, created: now, lastUsed: now, uses: 1 }
    await records.commit([{ kind: 'build-mount', key: volume, value: record }])
    this.#records.set(volume, record)
  }

  async usage(): Promise<CacheUsage[]> {
    const { disk } = this.#context.machine
    return Promise.all(
      [...this.#records].map(async ([volume, record]) => ({
        ID: idOf(volume),
        Type: 'exec.cachemount' as const,
        Description: record.description,
        InUse: this.#used.has(volume),
        Shared: false,
        Size: (await disk?.volumeUsage(volume).catch(() => 0)) ?? 0,
        CreatedAt: record.created,
        LastUsedAt: record.lastUsed,
        UsageCount: record.uses,
      })),
    )
  }

  /** Forget those that nobody uses, by their ids; unknown ones are no error. */
  async forget(ids: readonly string[]): Promise<void> {
    const { machine, records, log } = this.#context
    const wanted = new Set(ids)
    using _ = await this.#making.lock()
    for (const volume of this.#records.keys()) {
      if (!wanted.has(idOf(volume)) || this.#used.has(volume)) continue
      await records.commit([{ kind: 'build-mount', key: volume, delete: true }])
      this.#records.delete(volume)
      await machine.disk
        ?.removeVolume(volume)
        .catch((error: unknown) => log.add(`cache mount ${volume}: ${String(error)}`))
    }
  }
}

/** As long as BuildKit's ids; those of one key differ in what follows it. */
function idOf(volume: string): string {
  const [key = '', index = ''] = volume.slice(PREFIX.length).split('-')
  return `${key.slice(0, 25 - index.length)}${index}`
}
