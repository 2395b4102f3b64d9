import { EngineError } from '../../core/error.ts'
import { shortId } from '../../core/short-id.ts'
import type { ContainerBrief, Context } from '../context.ts'
import type { Images } from '../images/images.ts'
import type { Networks } from '../networks/networks.ts'
import type { VolumeUser, Volumes } from '../volumes/volumes.ts'
import { Container } from './container.ts'
import { parseRecord } from './record.ts'
import { strictTimes } from './time.ts'

/** Milliseconds from a container's end to its log on the disk. */
const flushDelay = 1000

/** Which containers there are, and what of the engine they live on. What is done with them is in a file each. */
export class ContainerSet implements AsyncDisposable {
  readonly context: Context
  readonly images: Images
  readonly networks: Networks
  readonly volumes: Volumes
  /** When a container is created: never the same moment twice, as lists and filters sort by it. */
  readonly creationTime: () => string
  readonly #byId = new Map<string, Container>()
  readonly #closing = new AbortController()
  #flushing = false

  protected constructor(context: Context, images: Images, networks: Networks, volumes: Volumes) {
    this.context = context
    this.images = images
    this.networks = networks
    this.volumes = volumes
    this.creationTime = strictTimes(context.clock)
  }

  /** What the store knows. */
  protected async load(): Promise<void> {
    for (const [id, value] of await this.context.records.list('container')) {
      const record = parseRecord(value)
      if (record) this.#byId.set(id, new Container(this.context, record))
      else this.context.log.add(`container ${shortId(id)} is of another schema and left alone`)
    }
  }

  /** Aborted when the engine ends. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  all(): Container[] {
    return [...this.#byId.values()]
  }

  /** For the other parts of the engine. */
  briefs(): readonly ContainerBrief[] {
    return this.all().map(({ id, name, record }) => ({
      id,
      name,
      image: record.image,
      state: record.state.status,
    }))
  }

  /**
   * By id, name (with or without a slash) or unique prefix of an id.
   * @throws EngineError `not-found`
   */
  get(nameOrId: string): Container {
    const found = this.find(nameOrId)
    if (!found) throw new EngineError('not-found', `No such container: ${nameOrId}`)
    return found
  }

  find(nameOrId: string): Container | undefined {
    const exact = this.#byId.get(nameOrId) ?? this.byName(nameOrId)
    if (exact || nameOrId === '') return exact
    const matches = this.all().filter(({ id }) => id.startsWith(nameOrId))
    if (matches.length > 1) {
      throw new EngineError(
        'invalid-parameter',
        `multiple IDs found with provided prefix: ${nameOrId}`,
      )
    }
    return matches[0]
  }

  byName(name: string): Container | undefined {
    const plain = name.replace(/^\//, '')
    return this.all().find((container) => container.name === plain)
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** For the volumes. */
  volumeUsers(): readonly VolumeUser[] {
    return this.all().map(({ id, record }) => ({ id, mounts: record.mounts ?? [] }))
  }

  add(container: Container): void {
    this.#byId.set(container.id, container)
  }

  forget(container: Container): void {
    this.#byId.delete(container.id)
  }

  /** Soon, and once for many: it may take the host's disk a while. */
  flushLogs(): void {
    if (this.#flushing) return
    this.#flushing = true
    const flush = async (): Promise<void> => {
      await this.context.clock.sleep(flushDelay, this.closing)
      this.#flushing = false
      await this.context.logs.flush()
    }
    flush().catch((error: unknown) => {
      if (!this.closing.aborted) this.context.log.add(`logs are not stored: ${String(error)}`)
    })
  }

  tellNetworks(container: Container, action: 'connect' | 'disconnect'): void {
    for (const { network } of this.networks.sandbox(container.id)?.endpoints ?? []) {
      this.networks.tell(container.id, network, action)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    for (const container of this.all()) container.restartWait?.abort()
    return Promise.resolve()
  }
}
