import type { EndpointSettings } from '../../core/engine-api.ts'
import { formatAddress } from './addresses.ts'
import { addressOf, type Attachment, type EndpointConfig } from './attachment.ts'
import type { Network } from './network.ts'

/** A running container in a network. */
export interface Endpoint extends Attachment {
  readonly network: Network
}

/** EndpointSettings of a running container. */
export function shownEndpoint(endpoint: Endpoint): EndpointSettings {
  const { network, id, config, mac } = endpoint
  const four = addressOf(endpoint, 4)
  const six = addressOf(endpoint, 6)
  return {
    ...configuredEndpoint(config),
    MacAddress: mac,
    NetworkID: network.id,
    EndpointID: id,
    Gateway: network.gateway(4) ?? '',
    IPAddress: four ? formatAddress(four) : '',
    IPPrefixLen: four ? (network.pool(4)?.length ?? 0) : 0,
    IPv6Gateway: network.gateway(6) ?? '',
    GlobalIPv6Address: six ? formatAddress(six) : '',
    GlobalIPv6PrefixLen: six ? (network.pool(6)?.length ?? 0) : 0,
    DNSNames: network.userDefined ? endpoint.names : null,
  }
}

/** EndpointSettings of a container that does not run. */
export const configuredEndpoint = (config: EndpointConfig): EndpointSettings => ({
  IPAMConfig: config.IPAMConfig ?? null,
  Links: config.Links ?? null,
  Aliases: config.Aliases ?? null,
  MacAddress: '',
  DriverOpts: config.DriverOpts ?? null,
  GwPriority: config.GwPriority ?? 0,
  NetworkID: config.NetworkID ?? '',
  EndpointID: '',
  Gateway: '',
  IPAddress: '',
  IPPrefixLen: 0,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  DNSNames: config.DNSNames ?? null,
})
