import { EngineError } from '../../core/error.ts'
import type { RecordChange } from '../../ports/record-store.ts'
import type { Context } from '../context.ts'
import { Filters } from '../filters.ts'
import { Mutex } from '../mutex.ts'
import type { MountPoint } from './mount-point.ts'
import { volumePath } from './mount-point.ts'
import type { MountWish } from './parse-mounts.ts'
import { checkOptions, isTemporary, placeOptions } from './driver-options.ts'
import { placeBind } from './places.ts'
import {
  ANONYMOUS,
  checkVolumeName,
  parseVolumeRecord,
  volumeView,
  type VolumeRecord,
  type VolumeView,
} from './volume.ts'
import { randomId } from '../random-id.ts'

export interface VolumeCreateRequest {
  readonly name?: string
  readonly driver?: string
  readonly labels?: Readonly<Record<string, string>> | null
  readonly options?: Readonly<Record<string, string>> | null
}

export const stored = (record: VolumeRecord): RecordChange => ({
  kind: 'volume',
  key: record.name,
  value: record,
})

/** Which volumes a container has. */
export interface VolumeUser {
  readonly id: string
  readonly mounts: readonly MountPoint[]
}

/** The volumes of an engine: records here, directories on the machine's disk, made when a container needs them. */
export class Volumes {
  readonly #context: Context
  readonly #records = new Map<string, VolumeRecord>()
  readonly #users: () => readonly VolumeUser[]
  /** Running containers that have it. */
  readonly #mounts = new Map<string, Set<string>>()
  /** Removed by this engine: the disk may not have stored that yet. */
  readonly #dropped = new Set<string>()
  /** Held while one is made or removed. */
  readonly #changing = new Mutex()

  private constructor(context: Context, users: () => readonly VolumeUser[]) {
    this.#context = context
    this.#users = users
  }

  /** @param users the containers */
  static async open(context: Context, users: () => readonly VolumeUser[]): Promise<Volumes> {
    const volumes = new Volumes(context, users)
    for (const [name, value] of await context.records.list('volume')) {
      const record = parseVolumeRecord(value)
      if (record) volumes.#records.set(name, record)
      else context.log.add(`volume ${name} is of another schema and left alone`)
    }
    return volumes
  }

  has(name: string): boolean {
    return this.#records.has(name)
  }

  /** Which containers use it. */
  usersOf(name: string): string[] {
    return this.#users().flatMap(({ id, mounts }) =>
      mounts.some((mount) => mount.name === name) ? [id] : [],
    )
  }

  /**
   * One that is there with the same driver stays as it is.
   * @throws EngineError with Docker's sentences
   */
  async create(request: VolumeCreateRequest): Promise<VolumeView> {
    return volumeView(await this.#make(request))
  }

  /** @param made takes what is to be stored with something else; without it, it is stored when this resolves */
  async #make(
    { name = '', driver, labels, options }: VolumeCreateRequest,
    made?: VolumeRecord[],
  ): Promise<VolumeRecord> {
    const { clock, records, machine } = this.#context
    if (driver !== undefined && !['', 'local', 'default'].includes(driver)) {
      throw new EngineError(
        'not-found',
        `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
      )
    }
    if (!machine.disk)
      throw new EngineError('not-implemented', 'this engine has no disk for volumes')
    if (name !== '') checkVolumeName(name)
    using _ = await this.#changing.lock()
    const found = this.#records.get(name)
    if (found) return found
    checkOptions(name, options ?? {})
    const plain = Object.keys(labels ?? {}).length > 0 ? { ...labels } : null
    const record: VolumeRecord = {
      schema: 1,
      name: name === '' ? randomId(clock) : name,
      created: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
      labels: name === '' ? { ...plain, [ANONYMOUS]: '' } : plain,
      options: Object.keys(options ?? {}).length > 0 ? { ...options } : null,
    }
    // Of the one that had the name before, nothing must come back with a power cut.
    if (this.#dropped.delete(record.name)) await machine.disk.sync()
    if (made) made.push(record)
    else await records.commit([stored(record)])
    this.#records.set(record.name, record)
    this.#event(record.name, 'create', { driver: 'local' })
    return record
  }

  /** The mount point of a wish; its volume is there afterwards. @param made as for `#make` */
  async settle(wish: MountWish, made?: VolumeRecord[]): Promise<MountPoint> {
    const { source = '', driver, labels, options, ...mount } = wish
    if (mount.type === 'bind') return { ...mount, source }
    const request = {
      ...(mount.name === undefined ? {} : { name: mount.name }),
      ...(driver === undefined ? {} : { driver }),
      ...(labels ? { labels } : {}),
      ...(options ? { options } : {}),
    }
    const record = await this.#make(request, made)
    return {
      ...mount,
      name: record.name,
      source: volumePath(record.name),
      ...(mount.name === undefined ? { anonymous: true } : {}),
    }
  }

  /** @throws EngineError `not-found` */
  get(name: string): VolumeRecord {
    const record = this.#records.get(name)
    if (!record) throw new EngineError('not-found', `get ${name}: no such volume`)
    return record
  }

  inspect(name: string): VolumeView {
    return volumeView(this.get(name))
  }

  list(filters: Filters): VolumeView[] {
    filters.check(['dangling', 'driver', 'label', 'name'])
    const dangling = filters.has('dangling') ? filters.bool('dangling', false) : undefined
    return [...this.#records.values()]
      .filter(
        ({ name, labels }) =>
          filters.exact('driver', 'local') &&
          filters.labels(labels) &&
          (!filters.has('name') || filters.get('name').some((part) => matches(part, name))) &&
          (dangling === undefined || dangling === (this.usersOf(name).length === 0)),
      )
      .map(volumeView)
  }

  /** With what each takes. */
  async usage(signal: AbortSignal): Promise<VolumeView[]> {
    const { disk } = this.#context.machine
    return Promise.all(
      this.list(new Filters()).map(async (view) => ({
        ...view,
        UsageData: {
          RefCount: this.usersOf(view.Name).length,
          Size: (await disk?.volumeUsage(view.Name, signal).catch(() => -1)) ?? -1,
        },
      })),
    )
  }

  /**
   * @param options.force an unknown one is no error
   * @throws EngineError `not-found`, `conflict` while it is in use
   */
  async remove(name: string, { force }: { readonly force: boolean }): Promise<void> {
    using _ = await this.#changing.lock()
    if (!this.#records.has(name)) {
      if (force) return
      throw new EngineError('not-found', `get ${name}: no such volume`)
    }
    const users = this.usersOf(name)
    if (users.length > 0) {
      throw new EngineError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`)
    }
    await this.#drop(name)
  }

  /**
   * Removes a container's record, and with it what was made for that container alone and nobody else uses.
   * @param mounts those that may go
   * @param forget stores the changes with the record's own
   */
  async removeWith(
    container: string,
    mounts: readonly MountPoint[],
    forget: (changes: readonly RecordChange[]) => Promise<void>,
  ): Promise<void> {
    const anonymous = mounts.flatMap(({ name, anonymous: own }) =>
      own && name !== undefined ? [name] : [],
    )
    if (anonymous.length === 0) return forget([])
    using _ = await this.#changing.lock()
    const unused = anonymous.filter(
      (name) => this.#records.has(name) && this.usersOf(name).every((user) => user === container),
    )
    await forget(unused.map((name) => ({ kind: 'volume', key: name, delete: true })))
    for (const name of unused) await this.#clear(name)
  }

  /** Volumes that were made for a container that came to nothing. */
  abandon(made: readonly VolumeRecord[]): void {
    for (const { name } of made) if (this.usersOf(name).length === 0) this.#records.delete(name)
  }

  /** The volumes that containers have are there, whatever was cut short when they were made. */
  async complete(): Promise<void> {
    const named = this.#users().flatMap(({ mounts }) =>
      mounts.flatMap(({ name }) => (name === undefined || this.has(name) ? [] : [name])),
    )
    for (const name of new Set(named)) await this.#make({ name })
  }

  async prune(filters: Filters): Promise<{
    readonly VolumesDeleted: readonly string[] | null
    readonly SpaceReclaimed: number
  }> {
    filters.check(['label', 'label!', 'all'])
    const all = filters.has('all') && filters.bool('all', false)
    const deleted: string[] = []
    let reclaimed = 0
    for (const { name, labels } of this.#records.values()) {
      if (!all && labels?.[ANONYMOUS] === undefined) continue
      if (!filters.labels(labels)) continue
      if (filters.has('label!') && filters.labels(labels, 'label!')) continue
      using _ = await this.#changing.lock()
      if (this.usersOf(name).length > 0) continue
      reclaimed += (await this.#context.machine.disk?.volumeUsage(name).catch(() => 0)) ?? 0
      await this.#drop(name)
      deleted.push(name)
    }
    this.#event('', 'prune', { reclaimed: String(reclaimed) })
    return { VolumesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed }
  }

  /** The record first: a directory without one is cleared away at the next start. */
  async #drop(name: string): Promise<void> {
    await this.#context.records.commit([{ kind: 'volume', key: name, delete: true }])
    await this.#clear(name)
  }

  /** What is left of one whose record is deleted. */
  async #clear(name: string): Promise<void> {
    const { machine, log } = this.#context
    this.#records.delete(name)
    this.#dropped.add(name)
    await machine.disk?.removeVolume(name).catch((error: unknown) => {
      log.add(`volume ${name}: ${String(error)}`)
    })
    this.#event(name, 'destroy', { driver: 'local' })
  }

  /**
   * Where guestd finds them; they are there afterwards.
   * @throws EngineError with Docker's sentences
   */
  async place(mounts: readonly MountPoint[]): Promise<MountPoint[]> {
    const placed: MountPoint[] = []
    for (const mount of mounts)
      placed.push(
        mount.name === undefined
          ? await placeBind(this.#context, mount)
          : await this.#placeVolume(mount, this.get(mount.name)),
      )
    return placed
  }

  async #placeVolume(mount: MountPoint, { name, options }: VolumeRecord): Promise<MountPoint> {
    const { disk } = this.#context.machine
    if (!options) {
      await disk?.makeVolume(name)
      return mount
    }
    // It is what it is mounted from: the image's content has no place there.
    const { copy: _, ...plain } = mount
    return { ...plain, place: await placeOptions(this.#context, name, options) }
  }

  mounted(container: string, mounts: readonly MountPoint[]): void {
    for (const { name } of mounts) {
      if (name === undefined) continue
      this.#mounts.set(name, (this.#mounts.get(name) ?? new Set()).add(container))
    }
    this.#mountEvents(container, mounts, 'mount')
  }

  released(container: string, mounts: readonly MountPoint[]): void {
    for (const { name } of mounts) {
      if (name === undefined) continue
      const users = this.#mounts.get(name)
      users?.delete(container)
      if (users?.size === 0) this.#letGo(name)
    }
    this.#mountEvents(container, mounts, 'unmount')
  }

  /** The last that had it has ended: what is only in memory is gone. */
  #letGo(name: string): void {
    this.#mounts.delete(name)
    const { machine, log } = this.#context
    if (!isTemporary(this.#records.get(name)?.options ?? {})) return
    machine.disk
      ?.unmountVolume(name)
      .catch((error: unknown) => log.add(`volume ${name}: ${String(error)}`))
  }

  #mountEvents(
    container: string,
    mounts: readonly MountPoint[],
    action: 'mount' | 'unmount',
  ): void {
    for (const { name, destination, writable, propagation } of mounts) {
      if (name === undefined) continue
      this.#event(name, action, {
        container,
        driver: 'local',
        ...(action === 'mount' ? { destination, propagation, 'read/write': String(writable) } : {}),
      })
    }
  }

  #event(name: string, action: string, attributes: Readonly<Record<string, string>>): void {
    this.#context.events.publish({
      Type: 'volume',
      Action: action,
      Actor: { ID: name, Attributes: attributes },
    })
  }
}

function matches(part: string, name: string): boolean {
  try {
    return new RegExp(part).test(name)
  } catch {
    return name.includes(part)
  }
}
