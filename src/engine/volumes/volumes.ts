import { EngineError } from '../../core/error.ts'
import type { Context } from '../context.ts'
import { Filters } from '../filters.ts'
import { Mutex } from '../mutex.ts'
import type { MountPoint } from './mount-point.ts'
import { volumePath } from './mount-point.ts'
import type { MountWish } from './parse-mounts.ts'
import {
  ANONYMOUS,
  checkVolumeName,
  parseVolumeRecord,
  volumeView,
  type VolumeRecord,
  type VolumeView,
} from './volume.ts'

export interface VolumeCreateRequest {
  readonly name?: string
  readonly driver?: string
  readonly labels?: Readonly<Record<string, string>> | null
  readonly options?: Readonly<Record<string, string>> | null
}

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

  async #make({ name = '', driver, labels, options }: VolumeCreateRequest): Promise<VolumeRecord> {
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
    const [option] = Object.keys(options ?? {})
    if (option !== undefined) {
      throw new EngineError(
        ['type', 'o', 'device', 'size'].includes(option) ? 'not-implemented' : 'invalid-parameter',
        ['type', 'o', 'device', 'size'].includes(option)
          ? `create ${name}: the option ${option} of volumes is not supported`
          : `create ${name}: invalid option: "${option}"`,
      )
    }
    using _ = await this.#changing.lock()
    const found = this.#records.get(name)
    if (found) return found
    const plain = Object.keys(labels ?? {}).length > 0 ? { ...labels } : null
    const record: VolumeRecord = {
      schema: 1,
      name: name === '' ? hex(clock.randomBytes(32)) : name,
      created: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
      labels: name === '' ? { ...plain, [ANONYMOUS]: '' } : plain,
      options: null,
    }
    await records.commit([{ kind: 'volume', key: record.name, value: record }])
    this.#records.set(record.name, record)
    this.#event(record.name, 'create', { driver: 'local' })
    return record
  }

  /** The mount point of a wish; its volume is there afterwards. */
  async settle(wish: MountWish): Promise<MountPoint> {
    const { source = '', driver, labels, options, ...mount } = wish
    if (mount.type === 'bind') return { ...mount, source }
    const record = await this.#make({
      ...(mount.name === undefined ? {} : { name: mount.name }),
      ...(driver === undefined ? {} : { driver }),
      ...(labels ? { labels } : {}),
      ...(options ? { options } : {}),
    })
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
  async usage(): Promise<VolumeView[]> {
    const { disk } = this.#context.machine
    return Promise.all(
      this.list(new Filters()).map(async (view) => ({
        ...view,
        UsageData: {
          RefCount: this.usersOf(view.Name).length,
          Size: (await disk?.volumeUsage(view.Name).catch(() => -1)) ?? -1,
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

  /** Removes what was made for a container alone and nobody else uses. */
  async removeAnonymous(mounts: readonly MountPoint[]): Promise<void> {
    for (const { name, anonymous } of mounts) {
      if (!anonymous || name === undefined) continue
      using _ = await this.#changing.lock()
      if (this.#records.has(name) && this.usersOf(name).length === 0) await this.#drop(name)
    }
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
    const { records, machine, log } = this.#context
    await records.commit([{ kind: 'volume', key: name, delete: true }])
    this.#records.delete(name)
    await machine.disk?.removeVolume(name).catch((error: unknown) => {
      log.add(`volume ${name}: ${String(error)}`)
    })
    this.#event(name, 'destroy', { driver: 'local' })
  }

  /** Their directories are there afterwards. */
  async ensure(mounts: readonly MountPoint[]): Promise<void> {
    const { disk } = this.#context.machine
    for (const { name } of mounts) {
      if (name === undefined) continue
      this.get(name)
      await disk?.makeVolume(name)
    }
  }

  mounted(container: string, mounts: readonly MountPoint[]): void {
    this.#mountEvents(container, mounts, 'mount')
  }

  released(container: string, mounts: readonly MountPoint[]): void {
    this.#mountEvents(container, mounts, 'unmount')
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

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
