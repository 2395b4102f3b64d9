/** IPAM.Config of the Engine API. */
export interface IpamConfig {
  readonly Subnet: string
  readonly IPRange?: string
  readonly Gateway?: string
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>
}

/** A network in the record store, kind `network`, by its id. */
export interface NetworkRecord {
  readonly schema: 2
  /** 64 hex characters. */
  readonly id: string
  readonly name: string
  readonly driver: 'bridge' | 'host' | 'null'
  /** RFC 3339 */
  readonly created: string
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly internal: boolean
  readonly attachable: boolean
  readonly ipam: {
    readonly options: Readonly<Record<string, string>> | null
    /** As the client gave it; chosen subnets with their gateways where it gave none. */
    readonly config: readonly IpamConfig[]
    /** Families whose subnet the client chose: there an endpoint may ask for its address. */
    readonly chosen: readonly (4 | 6)[]
  }
  readonly options: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

export function parseNetworkRecord(value: unknown): NetworkRecord | undefined {
  const record = value as Partial<NetworkRecord> | null | undefined
  return record?.schema === 2 && typeof record.id === 'string'
    ? (record as NetworkRecord)
    : undefined
}

export const bridgeOption = 'com.docker.network.bridge.name'
const prefix = 'com.docker.network.bridge.'

/** Go's strconv.ParseBool of an option; absent: the default. */
export const flagOf = (record: NetworkRecord, name: string, otherwise: boolean): boolean => {
  const text = record.options[`${prefix}${name}`]
  return text === undefined ? otherwise : ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)
}

export const mtuOf = ({ options }: NetworkRecord): number | undefined => {
  const mtu = Number(options['com.docker.network.driver.mtu'])
  return Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535 ? mtu : undefined
}
