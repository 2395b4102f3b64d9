import type { ContainerNetwork, NetworkEndpoint, PublishedPort } from '../../core/guest-networks.ts'
import { formatAddress } from './addresses.ts'
import { addressOf } from './attachment.ts'
import type { Endpoint } from './endpoint.ts'
import type { PublishedBinding } from './ports.ts'

/** The network of a running container. */
export interface Sandbox {
  /** 64 hex characters. */
  readonly id: string
  /** In the order of joining. */
  endpoints: readonly Endpoint[]
  /** Number of the next link: `eth<n>`. */
  nextLink: number
  ports: readonly PublishedBinding[]
  /** Name servers to ask instead of the host's. */
  readonly servers: readonly string[]
  /** The host's ends of the ports. */
  opened: readonly AsyncDisposable[]
}

/** Highest priority first, then by name (moby libnetwork Endpoint.Less). */
function gatewayEndpoint(endpoints: readonly Endpoint[], family: 4 | 6): Endpoint | undefined {
  return endpoints
    .filter(({ network }) => network.gateway(family) !== undefined)
    .toSorted(
      (left, right) =>
        (right.config.GwPriority ?? 0) - (left.config.GwPriority ?? 0) ||
        (left.network.name < right.network.name ? -1 : 1),
    )[0]
}

export const gatewaysOf = (endpoints: readonly Endpoint[]): string[] =>
  ([4, 6] as const)
    .map((family) => gatewayEndpoint(endpoints, family)?.network.gateway(family))
    .filter((gateway) => gateway !== undefined)

export const wantsResolver = (endpoints: readonly Endpoint[]): boolean =>
  endpoints.some(({ network }) => network.userDefined)

export const guestEndpoint = (endpoint: Endpoint): NetworkEndpoint => ({
  bridge: endpoint.network.bridge,
  interface: endpoint.interface,
  mac: endpoint.mac,
  addresses: endpoint.addresses.map(
    (address) => `${formatAddress(address)}/${endpoint.network.pool(address.family)?.length ?? 0}`,
  ),
})

/** Where connections to a published port go. */
export const portTarget = (
  endpoints: readonly Endpoint[],
  family: 4 | 6 = 4,
): string | undefined => {
  const endpoint = gatewayEndpoint(endpoints, family)
  const address = endpoint && addressOf(endpoint, family)
  return address && formatAddress(address)
}

/**
 * The guest's own ends of the ports: of an IPv6 address to the container's own, if it has one. Else a port of `::` is told by
 * that of `0.0.0.0`.
 */
export function guestPorts({ ports, endpoints }: Sandbox): PublishedPort[] {
  return ports.flatMap(({ protocol, hostIp, hostPort, containerPort }) => {
    const address = portTarget(endpoints, hostIp.includes(':') ? 6 : 4)
    if (address === undefined) return []
    const wanted = hostIp === '0.0.0.0' ? {} : { hostIp }
    return [{ protocol, ...wanted, hostPort, address, port: containerPort }]
  })
}

export const guestNetwork = (sandbox: Sandbox): ContainerNetwork => ({
  endpoints: sandbox.endpoints.map(guestEndpoint),
  gateways: gatewaysOf(sandbox.endpoints),
  resolver: wantsResolver(sandbox.endpoints),
  ports: guestPorts(sandbox),
})

/** NetworkSettings.Ports: declared ports are null where nothing is published. */
export function shownPorts(
  exposed: readonly string[],
  ports: readonly PublishedBinding[],
): Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>> {
  const shown: Record<string, { HostIp: string; HostPort: string }[] | null> = {}
  for (const key of exposed) shown[key] = null
  for (const { key, hostIp, hostPort } of ports) {
    const bindings = shown[key] ?? []
    bindings.push({ HostIp: hostIp, HostPort: String(hostPort) })
    shown[key] = bindings
  }
  return shown
}
