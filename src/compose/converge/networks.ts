import { isForbidden, isNotFound } from '../../client/client-error.ts'
import type { ContainerSummary } from '../../client/types.ts'
import type { NetworkResource } from '../../core/engine-api.ts'
import type { NetworkConfig, Project } from '../project.ts'
import { networkHash } from '../render.ts'
import * as label from './labels.ts'
import { observe, serviceOf } from './observed.ts'
import type { Session } from './session.ts'
import { stopContainers } from './stop.ts'

/** Make the networks that are missing; ids by the project's keys. */
export async function ensureNetworks(
  session: Session,
  project: Project,
): Promise<ReadonlyMap<string, string>> {
  const ids = await Promise.all(
    Object.entries(project.networks).map(async ([key, network]): Promise<[string, string]> => [
      key,
      await ensureNetwork(session, project, key, network, await networkHash(network)),
    ]),
  )
  return new Map(ids)
}

async function ensureNetwork(
  session: Session,
  project: Project,
  key: string,
  network: NetworkConfig,
  hash: string,
): Promise<string> {
  const { client, signal, warn } = session
  const { name } = network
  // The filter takes a part of a name for the whole.
  const listed = await client.networks.list({ name: [name] }, signal)
  const [found, other] = listed.filter((candidate) => candidate.Name === name)
  if (network.external === true) {
    if (other !== undefined)
      throw new Error(
        `multiple networks with name ${JSON.stringify(name)} were found. Use network ID as \`name\` to avoid ambiguity`,
      )
    if (found === undefined)
      throw new Error(`network ${name} declared as external, but could not be found`)
    return found.Id
  }
  if (found === undefined) return createNetwork(session, project, key, network, hash)
  const owner = found.Labels[label.PROJECT]
  if (owner !== project.name) {
    const whose = owner === undefined ? 'by compose' : `for project "${project.name}"`
    warn(
      `a network with name ${name} exists but was not created ${whose}.\nSet \`external: true\` to use an existing network`,
    )
  }
  if (found.Labels[label.NETWORK] !== key) {
    throw new Error(
      `network ${name} was found but has incorrect label ${label.NETWORK} set to ${JSON.stringify(found.Labels[label.NETWORK] ?? '')} (expected: ${JSON.stringify(key)})`,
    )
  }
  const known = found.Labels[label.CONFIG_HASH]
  if (known === undefined || known === hash) return found.Id
  const containers = await removeDiverged(session, project, key, found)
  const id = await createNetwork(session, project, key, network, hash)
  for (const { Id } of containers) await client.networks.connect(id, Id, {}, signal)
  return id
}

async function createNetwork(
  { client, progress, signal }: Session,
  project: Project,
  key: string,
  network: NetworkConfig,
  hash: string,
): Promise<string> {
  const resource = `Network ${network.name}`
  const { ipam } = network
  progress.event(resource, 'working', 'Creating')
  try {
    const { Id } = await client.networks.create(
      {
        Name: network.name,
        Labels: {
          ...network.labels,
          [label.NETWORK]: key,
          [label.PROJECT]: project.name,
          [label.VERSION]: label.COMPOSE_VERSION,
          [label.CONFIG_HASH]: hash,
        },
        Driver: network.driver ?? '',
        Options: network.driver_opts ?? null,
        Internal: network.internal === true,
        Attachable: network.attachable === true,
        ...(network.enable_ipv4 !== undefined && { EnableIPv4: network.enable_ipv4 }),
        ...(network.enable_ipv6 !== undefined && { EnableIPv6: network.enable_ipv6 }),
        ...((ipam?.driver !== undefined || ipam?.config !== undefined) && {
          IPAM: {
            Driver: ipam.driver ?? '',
            Config: (ipam.config ?? []).map((pool) => ({
              ...(pool.subnet !== undefined && { Subnet: pool.subnet }),
              ...(pool.ip_range !== undefined && { IPRange: pool.ip_range }),
              ...(pool.gateway !== undefined && { Gateway: pool.gateway }),
              ...(pool.aux_addresses && { AuxiliaryAddresses: pool.aux_addresses }),
            })),
          },
        }),
      },
      signal,
    )
    progress.event(resource, 'done', 'Created')
    return Id
  } catch (cause) {
    progress.event(resource, 'error', 'Error')
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`failed to create network ${network.name}: ${detail}`, { cause })
  }
}

/** A network that is not as its file says goes; those on it are stopped and come back. */
async function removeDiverged(
  session: Session,
  project: Project,
  key: string,
  network: NetworkResource,
): Promise<readonly ContainerSummary[]> {
  const { client, progress, signal } = session
  const users = new Set(
    Object.entries(project.services)
      .filter(([, { networks = {} }]) => key in networks)
      .map(([name]) => name),
  )
  const observed = await observe(client, project.name, {}, signal)
  const containers = observed.filter((container) => users.has(serviceOf(container)))
  await stopContainers(session, containers, {})
  for (const { Id } of containers) await client.networks.disconnect(network.Id, Id, true, signal)
  await client.networks.remove(network.Id, signal)
  progress.event(`Network ${network.Name}`, 'done', 'Removed')
  return containers
}

/** Remove a project's network, unless others use it. */
export async function removeNetwork(
  { client, progress, signal }: Session,
  project: string,
  key: string,
  name: string,
): Promise<boolean> {
  const filters = { label: [`${label.PROJECT}=${project}`, `${label.NETWORK}=${key}`] }
  const networks = await client.networks.list(filters, signal)
  const resource = `Network ${name}`
  for (const { Id } of networks.filter((network) => network.Name === name)) {
    progress.event(resource, 'working', 'Removing')
    try {
      await client.networks.remove(Id, signal)
      progress.event(resource, 'done', 'Removed')
    } catch (error) {
      if (isNotFound(error)) progress.event(resource, 'warning', 'No resource found to remove')
      // It has active endpoints.
      else if (isForbidden(error)) progress.event(resource, 'warning', 'Resource is still in use')
      else {
        progress.event(resource, 'error', 'Error')
        throw error
      }
    }
  }
  return networks.length > 0
}
