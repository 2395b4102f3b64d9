import type { ContainerCreateRequest, EndpointSettings } from '../../core/engine-api.ts'
import type { ServiceConfig } from '../service.ts'
import type { Creation } from './creation.ts'

/** The project's keys of a service's networks, the first being the one whose gateway it has by default. */
const networksByPriority = ({ networks = {} }: ServiceConfig): readonly string[] =>
  Object.entries(networks)
    .toSorted(
      ([leftName, left], [rightName, right]) =>
        (right?.priority ?? 0) - (left?.priority ?? 0) || (leftName < rightName ? -1 : 1),
    )
    .map(([name]) => name)

/** The network that a container starts on: what `HostConfig.NetworkMode` says. */
export function networkMode({ project, service }: Pick<Creation, 'project' | 'service'>): string {
  if (service.network_mode !== undefined) return service.network_mode
  const [key = 'default'] = networksByPriority(service)
  return project.networks[key]?.name ?? 'none'
}

export function endpoints(creation: Creation): Pick<ContainerCreateRequest, 'NetworkingConfig'> {
  const { project, service } = creation
  if (service.network_mode !== undefined) return {}
  const listed = networksByPriority(service)
  const keys = listed.length > 0 ? listed : ['default']
  const settings = keys.flatMap((key, index): [string, Partial<EndpointSettings>][] => {
    const network = project.networks[key]
    return network ? [[network.name, endpoint(creation, key, index === 0)]] : []
  })
  return settings.length > 0
    ? { NetworkingConfig: { EndpointsConfig: Object.fromEntries(settings) } }
    : {}
}

function endpoint(creation: Creation, key: string, first: boolean): Partial<EndpointSettings> {
  const { name, service, containerName, links, aliases = true } = creation
  const config = service.networks?.[key] ?? undefined
  const mac = config?.mac_address ?? (first ? service.mac_address : undefined)
  const options = {
    ...config?.driver_opts,
    ...(config?.interface_name !== undefined && {
      'com.docker.network.endpoint.ifname': config.interface_name,
    }),
  }
  return {
    Aliases: [containerName, ...(aliases ? [name, ...(config?.aliases ?? [])] : [])],
    Links: links,
    ...(config && {
      IPAMConfig: {
        ...(config.ipv4_address !== undefined && { IPv4Address: config.ipv4_address }),
        ...(config.ipv6_address !== undefined && { IPv6Address: config.ipv6_address }),
        ...(config.link_local_ips && { LinkLocalIPs: config.link_local_ips }),
      },
    }),
    ...(mac !== undefined && { MacAddress: mac }),
    ...(Object.keys(options).length > 0 && { DriverOpts: options }),
    ...(config?.gw_priority !== undefined && { GwPriority: config.gw_priority }),
  }
}
