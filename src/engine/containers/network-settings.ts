import type { EndpointSettings } from '../../core/engine-api.ts'
import { shortId } from '../../core/short-id.ts'
import { configuredEndpoint, shownEndpoint } from '../networks/endpoint.ts'
import { configOf, namesOf, networkNames } from '../networks/members.ts'
import { shownPorts } from '../networks/sandbox.ts'
import type { Container } from './container.ts'
import type { ContainerSet } from './container-set.ts'
import { isRunning } from './record.ts'
import { zeroTime } from './time.ts'
import { splitMode } from './validate-host.ts'

/** NetworkSettings of `inspect` (Engine API v1.51). */
export function networkSettings(
  containers: ContainerSet,
  container: Container,
): Readonly<Record<string, unknown>> {
  const { id, record, state } = container
  const sandbox = isRunning(state) ? containers.networks.sandbox(id) : undefined
  const endpoints = endpointsOf(containers, container)
  // Docker shows the default bridge's twice, for clients of old.
  const legacy = sandbox ? endpoints['bridge'] : undefined
  const exposed = Object.keys(record.config.ExposedPorts ?? {})
  return {
    Bridge: '',
    SandboxID: sandbox?.id ?? '',
    SandboxKey: sandbox ? `/var/run/docker/netns/${shortId(sandbox.id)}` : '',
    Ports: sandbox ? shownPorts(exposed, sandbox.ports) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: legacy?.EndpointID ?? '',
    Gateway: legacy?.Gateway ?? '',
    GlobalIPv6Address: legacy?.GlobalIPv6Address ?? '',
    GlobalIPv6PrefixLen: legacy?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: legacy?.IPAddress ?? '',
    IPPrefixLen: legacy?.IPPrefixLen ?? 0,
    IPv6Gateway: legacy?.IPv6Gateway ?? '',
    MacAddress: legacy?.MacAddress ?? '',
    Networks: endpoints,
  }
}

/** The networks of a container, by name. */
export function endpointsOf(
  { networks }: ContainerSet,
  { id, record, state }: Container,
): Readonly<Record<string, EndpointSettings>> {
  if (splitMode(record.hostConfig.NetworkMode)[0] === 'container') return {}
  const sandbox = isRunning(state) ? networks.sandbox(id) : undefined
  const all = networks.all()
  // A container learns its network's id when it first starts.
  const started = state.startedAt !== zeroTime
  const shown = networkNames(record).map((name): [string, EndpointSettings] => {
    const network = all.find((other) => other.name === name)
    const endpoint = sandbox?.endpoints.find((other) => other.network === network)
    if (endpoint) return [name, shownEndpoint(endpoint)]
    const asked = configOf(record, name)
    const names = network?.userDefined ? namesOf(record, asked) : null
    const config = { ...configuredEndpoint(asked), DNSNames: names }
    return [name, started && network ? { ...config, NetworkID: network.id } : config]
  })
  // As Go writes a map.
  return Object.fromEntries(shown.toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

/** `Ports` of a list: declared ones without a host's port are shown as such. */
export function portSummaries(
  { networks }: ContainerSet,
  { id, record, state }: Container,
): readonly Readonly<Record<string, string | number>>[] {
  const sandbox = isRunning(state) ? networks.sandbox(id) : undefined
  if (!sandbox) return []
  const exposed = Object.keys(record.config.ExposedPorts ?? {})
  return Object.entries(shownPorts(exposed, sandbox.ports)).flatMap(([key, bindings]) => {
    const [port, type = 'tcp'] = key.split('/')
    const inside = { PrivatePort: Number(port), Type: type }
    if (!bindings) return [inside]
    return bindings.map(({ HostIp, HostPort }) => ({
      IP: HostIp,
      ...inside,
      PublicPort: Number(HostPort),
    }))
  })
}
