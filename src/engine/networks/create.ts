import { EngineError } from '../../core/error.ts'
import {
  contains,
  formatAddress,
  formatSubnet,
  overlaps,
  parseAddress,
  parseSubnet,
  type Subnet,
} from './addresses.ts'
import { AddressPool, defaultSubnets, uniqueLocal } from './pool.ts'
import type { IpamConfig, NetworkRecord } from './record.ts'

/** Body of `networks/create` (Engine API); any part may be missing. */
export interface NetworkCreateRequest {
  readonly Name?: string
  readonly Driver?: string
  readonly Scope?: string
  readonly EnableIPv4?: boolean | null
  readonly EnableIPv6?: boolean | null
  readonly Internal?: boolean
  readonly Attachable?: boolean
  readonly Ingress?: boolean
  readonly ConfigOnly?: boolean
  readonly ConfigFrom?: { readonly Network?: string } | null
  readonly IPAM?: {
    readonly Driver?: string
    readonly Options?: Readonly<Record<string, string>> | null
    readonly Config?: readonly Partial<IpamConfig>[] | null
  } | null
  readonly Options?: Readonly<Record<string, string>> | null
  readonly Labels?: Readonly<Record<string, string>> | null
}

const bad = (message: string): EngineError => new EngineError('invalid-parameter', message)

/**
 * The record of a new network: subnets chosen where none are given.
 * @param used subnets of the networks that there are
 * @param seed bytes that tell this engine from others, for its own IPv6 prefix
 * @throws EngineError in Docker's words
 */
export function networkRecord(
  request: NetworkCreateRequest,
  used: readonly Subnet[],
  {
    id,
    created,
    seed,
  }: { readonly id: string; readonly created: string; readonly seed: Uint8Array },
): NetworkRecord {
  const driver = request.Driver || 'bridge'
  checkKind(request, driver)
  const ipv4 = request.EnableIPv4 ?? true
  const ipv6 = request.EnableIPv6 ?? false
  if (!ipv4 && !ipv6) throw bad('IPv4 or IPv6 must be enabled')
  const given = (request.IPAM?.Config ?? []).filter(({ Subnet: text }) => text)
  checkIpam(request.IPAM?.Config ?? [], ipv6)
  const config: IpamConfig[] = []
  const taken = [...used]
  for (const item of given) {
    const subnet = parseSubnet(item.Subnet ?? '')
    if (!subnet) continue
    if (taken.some((other) => overlaps(other, subnet))) {
      throw new EngineError(
        'forbidden',
        'invalid pool request: Pool overlaps with other one on this address space',
      )
    }
    taken.push(subnet)
    config.push({
      Subnet: item.Subnet ?? '',
      ...(item.IPRange ? { IPRange: item.IPRange } : {}),
      ...(item.Gateway ? { Gateway: item.Gateway } : {}),
      ...(item.AuxiliaryAddresses && Object.keys(item.AuxiliaryAddresses).length > 0
        ? { AuxiliaryAddresses: item.AuxiliaryAddresses }
        : {}),
    })
  }
  const families = taken.slice(used.length).map(({ family }) => family)
  if (ipv4 && !families.includes(4)) config.push(choose(freeSubnet(taken)))
  if (ipv6 && !families.includes(6)) config.push(choose(freeLocal(taken, seed)))
  return {
    schema: 2,
    id,
    name: request.Name ?? '',
    driver: 'bridge',
    created,
    ipv4,
    ipv6,
    internal: request.Internal ?? false,
    attachable: request.Attachable ?? false,
    ipam: { options: request.IPAM?.Options ?? {}, config, chosen: families },
    options: request.Options ?? {},
    labels: request.Labels ?? {},
  }
}

function checkKind(request: NetworkCreateRequest, driver: string): void {
  if (driver === 'host' || driver === 'null' || driver === 'none') {
    const kind = driver === 'host' ? 'host' : 'null'
    throw new EngineError('forbidden', `only one instance of "${kind}" network is allowed`)
  }
  if (driver === 'macvlan' || driver === 'ipvlan' || driver === 'overlay') {
    throw new EngineError(
      'not-implemented',
      `Drydock has no networks of driver "${driver}": there is no link to the outside that they could use`,
    )
  }
  if (driver !== 'bridge') throw new EngineError('not-found', `plugin "${driver}" not found`)
  if (request.Ingress || request.Scope === 'swarm') {
    throw new EngineError('not-implemented', 'Drydock has no swarm, nor networks for one')
  }
  if (request.ConfigOnly || request.ConfigFrom?.Network) {
    throw new EngineError('not-implemented', 'Drydock has no configuration-only networks')
  }
  const ipam = request.IPAM?.Driver || 'default'
  if (ipam !== 'default') throw new EngineError('not-found', `plugin "${ipam}" not found`)
}

/** moby api/types/network ValidateIPAM: all that is wrong at once. */
function checkIpam(configs: readonly Partial<IpamConfig>[], ipv6: boolean): void {
  const errors: string[] = []
  for (const config of configs) {
    const subnet = parseSubnet(config.Subnet ?? '')
    if (!subnet) {
      errors.push(`invalid subnet ${config.Subnet ?? ''}: invalid CIDR block notation`)
      continue
    }
    if (subnet.family === 6 && !ipv6) continue
    if (!subnet.exact) {
      errors.push(`invalid subnet ${config.Subnet}: it should be ${formatSubnet(subnet)}`)
    }
    errors.push(...checkRange(config.IPRange, subnet), ...checkParts(config, subnet))
  }
  if (errors.length > 0) throw bad(`invalid network config:\n${errors.join('\n')}`)
}

const familyName = ({ family }: Subnet): string => `an IPv${family}`

function checkRange(text: string | undefined, subnet: Subnet): string[] {
  if (!text) return []
  const range = parseSubnet(text)
  if (!range) return [`invalid ip-range ${text}: invalid CIDR block notation`]
  if (range.family !== subnet.family) {
    return [`invalid ip-range ${text}: parent subnet is ${familyName(subnet)} block`]
  }
  const errors: string[] = []
  if (range.length < subnet.length) {
    errors.push(
      `invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${formatSubnet(subnet)}`,
    )
  }
  if (!range.exact) errors.push(`invalid ip-range ${text}: it should be ${formatSubnet(range)}`)
  if (!overlaps(range, subnet)) {
    errors.push(
      `invalid ip-range ${text}: parent subnet ${formatSubnet(subnet)} doesn't contain ip-range`,
    )
  }
  return errors
}

function checkParts(config: Partial<IpamConfig>, subnet: Subnet): string[] {
  const check = (kind: string, text: string): string[] => {
    const address = parseAddress(text)
    if (!address) return [`invalid ${kind}: invalid address`]
    if (address.family !== subnet.family) {
      return [`invalid ${kind}: parent subnet is ${familyName(subnet)} block`]
    }
    return contains(subnet, address)
      ? []
      : [`invalid ${kind}: parent subnet ${formatSubnet(subnet)} doesn't contain this address`]
  }
  return [
    ...(config.Gateway ? check(`gateway ${config.Gateway}`, config.Gateway) : []),
    ...Object.entries(config.AuxiliaryAddresses ?? {}).flatMap(([name, text]) =>
      check(`auxiliary address ${name}:${text}`, text),
    ),
  ]
}

/** With its gateway shown, as Docker does of a subnet that it chose. */
function choose(subnet: Subnet): IpamConfig {
  const gateway = new AddressPool(subnet).take()
  return {
    Subnet: formatSubnet(subnet),
    ...(gateway ? { Gateway: formatAddress(gateway) } : {}),
  }
}

function freeSubnet(used: readonly Subnet[]): Subnet {
  const free = defaultSubnets.find((subnet) => !used.some((other) => overlaps(other, subnet)))
  if (free) return free
  throw new EngineError('internal', 'all predefined address pools have been fully subnetted')
}

function freeLocal(used: readonly Subnet[], seed: Uint8Array): Subnet {
  for (let number = 0; number < 65_536; number++) {
    const subnet = uniqueLocal(seed, number)
    if (!used.some((other) => overlaps(other, subnet))) return subnet
  }
  throw new EngineError('internal', 'all predefined address pools have been fully subnetted')
}
