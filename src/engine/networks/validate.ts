import { EngineError } from '../../core/error.ts'
import { contains, parseAddress, parseSubnet } from './addresses.ts'
import type { EndpointConfig } from './attachment.ts'
import type { Network } from './network.ts'

/**
 * What Docker refuses of an endpoint (moby daemon/container_operations.go validateEndpointSettings): all at once.
 * @throws EngineError `invalid-parameter`
 */
export function checkEndpoint(network: Network, config: EndpointConfig, prefix = ''): void {
  const errors = [...addressErrors(network, config), ...otherErrors(network, config)]
  if (errors.length === 0) return
  const list = errors.length === 1 ? errors[0] : errors.map((text) => `* ${text}`).join('\n')
  throw new EngineError('invalid-parameter', `${prefix}invalid endpoint settings:\n${list}`)
}

function addressErrors(network: Network, { IPAMConfig: asked }: EndpointConfig): string[] {
  const errors: string[] = []
  const wanted = [
    [4, asked?.IPv4Address],
    [6, asked?.IPv6Address],
  ] as const
  const given = wanted.filter(([, text]) => text)
  if (given.length > 0 && !network.userDefined) {
    errors.push('user specified IP address is supported on user defined networks only')
  }
  for (const [family, text = ''] of given) {
    const address = parseAddress(text)
    if (!address || address.family !== family) {
      errors.push(`invalid IPv${family} address: ${text}`)
      continue
    }
    if (!network.record.ipam.chosen.includes(family)) {
      errors.push(
        'user specified IP address is supported only when connecting to networks with user configured subnets',
      )
      continue
    }
    const subnets = network.record.ipam.config.map(({ Subnet: subnet }) => parseSubnet(subnet))
    if (!subnets.some((subnet) => subnet && contains(subnet, address))) {
      errors.push(`no configured subnet or ip-range contain the IP address ${text}`)
    }
  }
  return errors
}

function otherErrors(network: Network, config: EndpointConfig): string[] {
  const errors: string[] = []
  if ((config.Aliases ?? []).length > 0 && !network.userDefined) {
    errors.push('network-scoped aliases are only supported for user-defined networks')
  }
  const mac = config.MacAddress ?? ''
  if (mac !== '' && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) {
    errors.push(`invalid MAC address: ${mac}`)
  }
  for (const text of config.IPAMConfig?.LinkLocalIPs ?? []) {
    if (!parseAddress(text)) errors.push(`invalid link-local IP address: ${text}`)
  }
  return errors
}
