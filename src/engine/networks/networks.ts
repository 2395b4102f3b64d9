import type { NetworkResource } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import type { Context, ContainerBrief } from '../context.ts'
import type { Filters } from '../filters.ts'

/** What the record store holds of a network. */
interface NetworkRecord {
  readonly id: string
  readonly name: string
  readonly driver: string
  /** RFC 3339 */
  readonly created: string
}

const PREDEFINED = ['host', 'none']

/** Networks of the engine. So far those that need no link: `host` and `none`. */
export class Networks {
  readonly #records: readonly NetworkRecord[]
  readonly #containers: () => readonly ContainerBrief[]

  private constructor(
    records: readonly NetworkRecord[],
    containers: () => readonly ContainerBrief[],
  ) {
    this.#records = records
    this.#containers = containers
  }

  /** @param containers the running ones are shown as endpoints of their network */
  static async open(
    context: Context,
    containers: () => readonly ContainerBrief[],
  ): Promise<Networks> {
    const stored = await context.records.list('network')
    const records: NetworkRecord[] = []
    for (const name of PREDEFINED) {
      const known = stored.get(name) as NetworkRecord | undefined
      const record = known ?? {
        id: hex(context.clock.randomBytes(32)),
        name,
        driver: name === 'none' ? 'null' : name,
        created: new Date(context.clock.now()).toISOString(),
      }
      if (!known) await context.records.commit([{ kind: 'network', key: name, value: record }])
      records.push(record)
    }
    return new Networks(records, containers)
  }

  /**
   * By name, ID or unique prefix of one.
   * @throws EngineError `not-found`, `invalid-parameter` when several match
   */
  get(nameOrId: string): NetworkRecord {
    const exact = this.#records.find(({ id, name }) => name === nameOrId || id === nameOrId)
    if (exact) return exact
    const found = nameOrId ? this.#records.filter(({ id }) => id.startsWith(nameOrId)) : []
    if (found.length > 1) {
      throw new EngineError(
        'invalid-parameter',
        `network ${nameOrId} is ambiguous (${found.length} matches found based on ID prefix)`,
      )
    }
    const [only] = found
    if (!only) throw new EngineError('not-found', `network ${nameOrId} not found`)
    return only
  }

  list(filters: Filters): NetworkResource[] {
    filters.check(['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'])
    const dangling = filters.bool('dangling', false)
    return this.#records
      .filter(
        ({ id, name, driver }) =>
          filters.exact('driver', driver) &&
          filters.prefix('id', id) &&
          filters.labels({}) &&
          filters.pattern('name', name) &&
          filters.exact('scope', 'local') &&
          filters.exact('type', 'builtin') &&
          !dangling,
      )
      .map((record) => this.#resource(record, false))
  }

  inspect(nameOrId: string): NetworkResource {
    return this.#resource(this.get(nameOrId), true)
  }

  #resource({ id, name, driver, created }: NetworkRecord, endpoints: boolean): NetworkResource {
    const members = endpoints
      ? this.#containers().filter(
          (container) => container.network === name && container.state === 'running',
        )
      : []
    return {
      Name: name,
      Id: id,
      Created: created,
      Scope: 'local',
      Driver: driver,
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: { Driver: 'default', Options: null, Config: null },
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: Object.fromEntries(
        members.map((container) => [
          container.id,
          {
            Name: container.name,
            EndpointID: '',
            MacAddress: '',
            IPv4Address: '',
            IPv6Address: '',
          },
        ]),
      ),
      Options: {},
      Labels: {},
    }
  }

  /** @throws EngineError always: user networks come with bridges */
  create(name: string, driver: string): never {
    if (!name) throw new EngineError('invalid-parameter', 'invalid name: name is empty')
    if (PREDEFINED.includes(name) || name === 'bridge') {
      throw new EngineError(
        'forbidden',
        `operation is not permitted on predefined ${name} network `,
      )
    }
    throw new EngineError(
      'not-implemented',
      `Drydock can not make networks of driver "${driver || 'bridge'}" yet: use the networks host and none`,
    )
  }

  /** @throws EngineError always: only predefined networks exist */
  remove(nameOrId: string): never {
    const { name } = this.get(nameOrId)
    throw new EngineError('forbidden', `${name} is a pre-defined network and cannot be removed`)
  }
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
