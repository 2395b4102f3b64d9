import type { NetworkResource } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import type { GuestNetwork } from '../../core/guest-networks.ts'
import { shortId } from '../../core/short-id.ts'
import { formatAddress, macOf, parseAddress, parseSubnet, type Address } from './addresses.ts'
import { addressOf, type Attachment, type EndpointConfig } from './attachment.ts'
import { AddressPool } from './pool.ts'
import { bridgeOption, flagOf, mtuOf, type NetworkRecord } from './record.ts'

/** A network: its record, its addresses, and the running containers in it. */
export class Network {
  readonly record: NetworkRecord
  /** By container id. */
  readonly endpoints: Map<string, Attachment> = new Map()
  readonly #pools = new Map<4 | 6, AddressPool>()
  readonly #gateways = new Map<4 | 6, Address>()

  constructor(record: NetworkRecord) {
    this.record = record
    for (const config of record.ipam.config) {
      const subnet = parseSubnet(config.Subnet)
      if (!subnet || this.#pools.has(subnet.family)) continue
      const range = config.IPRange === undefined ? undefined : parseSubnet(config.IPRange)
      const pool = new AddressPool(subnet, range)
      for (const text of Object.values(config.AuxiliaryAddresses ?? {})) {
        const address = parseAddress(text)
        if (address) pool.claim(address)
      }
      const asked = config.Gateway === undefined ? undefined : parseAddress(config.Gateway)
      if (asked) pool.claim(asked)
      const gateway = asked ?? pool.take()
      this.#pools.set(subnet.family, pool)
      if (gateway) this.#gateways.set(subnet.family, gateway)
    }
  }

  get id(): string {
    return this.record.id
  }

  get name(): string {
    return this.record.name
  }

  get predefined(): boolean {
    return ['bridge', 'host', 'none'].includes(this.name)
  }

  /** Has names, aliases and addresses of one's choice, as Docker's user-defined networks. */
  get userDefined(): boolean {
    return !this.predefined
  }

  get bridge(): string {
    return this.record.options[bridgeOption] ?? `br-${shortId(this.id)}`
  }

  pool(family: 4 | 6): AddressPool | undefined {
    return this.#pools.get(family)
  }

  /** Where its containers send what is for others; an internal network has none. */
  gateway(family: 4 | 6): string | undefined {
    if (this.record.internal) return undefined
    const gateway = this.#gateways.get(family)
    return gateway && formatAddress(gateway)
  }

  /** The bridge's own address. */
  bridgeAddress(family: 4 | 6): Address | undefined {
    return this.#gateways.get(family)
  }

  /** How the guest makes it. */
  guest(): GuestNetwork {
    const { record } = this
    const mtu = mtuOf(record)
    return {
      bridge: this.bridge,
      addresses: [...this.#gateways].map(
        ([family, gateway]) => `${formatAddress(gateway)}/${this.#pools.get(family)?.length}`,
      ),
      internal: record.internal,
      isolated: !flagOf(record, 'enable_icc', true),
      masquerade: flagOf(record, 'enable_ip_masquerade', true),
      ...(mtu === undefined ? {} : { mtu }),
    }
  }

  /**
   * Addresses for an endpoint.
   * @throws EngineError `forbidden` for one that is taken, `internal` when none is left, as Docker has it
   */
  takeAddresses({ IPAMConfig: asked }: EndpointConfig): readonly Address[] {
    const taken: Address[] = []
    try {
      for (const [family, pool] of this.#pools) {
        const text = family === 4 ? asked?.IPv4Address : asked?.IPv6Address
        const wanted = text ? parseAddress(text) : undefined
        if (wanted) {
          if (!pool.claim(wanted)) throw new EngineError('forbidden', 'Address already in use')
          taken.push(wanted)
          continue
        }
        const address = pool.take()
        if (!address) {
          throw new EngineError(
            'internal',
            `no available IPv${family} addresses on this network's address pools: ${this.name} (${this.id})`,
          )
        }
        taken.push(address)
      }
    } catch (error) {
      this.release(taken)
      throw error
    }
    return taken
  }

  release(addresses: readonly Address[]): void {
    for (const address of addresses) this.#pools.get(address.family)?.release(address)
  }

  macFor(addresses: readonly Address[], random: () => Uint8Array): string {
    const four = addresses.find(({ family }) => family === 4)
    if (four) return macOf(four)
    const [a = 0, b = 0, c = 0, d = 0] = random()
    return macOf({ family: 4, value: BigInt(((a << 24) | (b << 16) | (c << 8) | d) >>> 0) })
  }

  /** @param names of containers by id; undefined: without endpoints, as lists are */
  resource(names?: ReadonlyMap<string, string>): NetworkResource {
    const { record } = this
    const shown = (endpoint: Attachment, family: 4 | 6): string => {
      const address = addressOf(endpoint, family)
      return address ? `${formatAddress(address)}/${this.#pools.get(family)?.length}` : ''
    }
    return {
      Name: record.name,
      Id: record.id,
      Created: record.created,
      Scope: 'local',
      Driver: record.driver,
      EnableIPv4: record.ipv4,
      EnableIPv6: record.ipv6,
      IPAM: {
        Driver: 'default',
        Options: record.ipam.options,
        Config: record.driver === 'bridge' ? record.ipam.config : null,
      },
      Internal: record.internal,
      Attachable: record.attachable,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: Object.fromEntries(
        [...(names ? this.endpoints : [])].map(([container, endpoint]) => [
          container,
          {
            Name: names?.get(container) ?? '',
            EndpointID: endpoint.id,
            MacAddress: endpoint.mac,
            IPv4Address: shown(endpoint, 4),
            IPv6Address: shown(endpoint, 6),
          },
        ]),
      ),
      Options: record.options,
      Labels: record.labels,
    }
  }
}
