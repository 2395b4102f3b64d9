import { EngineError } from '../../core/error.ts'
import type { NetworkChange } from '../../core/guest-networks.ts'
import type { Container } from '../containers/container.ts'
import type { ContainerSet } from '../containers/container-set.ts'
import { linkLines } from '../containers/links.ts'
import { networkFiles } from '../containers/network-files.ts'
import { isRunning } from '../containers/record.ts'
import { splitMode } from '../containers/validate-host.ts'
import type { EndpointConfig } from './attachment.ts'
import type { Network } from './network.ts'
import { gatewaysOf, guestEndpoint, guestPorts, wantsResolver, type Sandbox } from './sandbox.ts'
import { checkEndpoint } from './validate.ts'

/**
 * Gives a container a further network, at once when it runs.
 * @throws EngineError in Docker's words
 */
export async function connectContainer(
  containers: ContainerSet,
  networkName: string,
  containerName: string,
  config: EndpointConfig,
): Promise<void> {
  const { networks, context } = containers
  const network = networks.get(networkName)
  const container = containers.get(containerName)
  checkMember(container, network, 'connect')
  checkEndpoint(network, config)
  using _ = await container.starting.lock()
  const { record } = container
  const sandbox = isRunning(container.state) ? networks.sandbox(container.id) : undefined
  if (sandbox ? network.endpoints.has(container.id) : network.name in record.endpoints) {
    throw new EngineError(
      'forbidden',
      `endpoint with name ${container.name} already exists in network ${network.name}`,
    )
  }
  const settings = { ...config, ...(sandbox ? { NetworkID: network.id } : {}) }
  const stored = { ...record, endpoints: { ...record.endpoints, [network.name]: settings } }
  if (sandbox) {
    const endpoint = networks.place(sandbox, stored, network, settings)
    try {
      await networks.ensureBridge(network)
      if (sandbox.ports.length === 0) await networks.publish(sandbox, stored)
      await context.machine.networks.connect(
        container.id,
        guestEndpoint(endpoint),
        changeOf(containers, container, sandbox),
      )
    } catch (error) {
      networks.vacate(container.id, endpoint)
      throw error
    }
    networks.tell(container.id, network, 'connect')
  }
  await container.update({ endpoints: stored.endpoints })
}

/** @throws EngineError in Docker's words */
export async function disconnectContainer(
  containers: ContainerSet,
  networkName: string,
  containerName: string,
): Promise<void> {
  const { networks, context } = containers
  const network = networks.get(networkName)
  const container = containers.get(containerName)
  checkMember(container, network, 'disconnect')
  using _ = await container.starting.lock()
  const { record } = container
  const sandbox = isRunning(container.state) ? networks.sandbox(container.id) : undefined
  const endpoint = sandbox?.endpoints.find((other) => other.network === network)
  if (!endpoint && !(network.name in record.endpoints)) {
    throw new EngineError(
      'forbidden',
      `container ${container.id} is not connected to network ${network.name}`,
    )
  }
  if (sandbox && endpoint) {
    networks.vacate(container.id, endpoint)
    if (endpoint.interface !== '') {
      await context.machine.networks.disconnect(
        container.id,
        endpoint.interface,
        changeOf(containers, container, sandbox),
      )
    }
    networks.tell(container.id, network, 'disconnect')
  }
  const { [network.name]: _gone, ...endpoints } = record.endpoints
  await container.update({ endpoints })
}

function checkMember(container: Container, network: Network, verb: 'connect' | 'disconnect'): void {
  const [mode] = splitMode(container.record.hostConfig.NetworkMode)
  const isHost = network.name === 'host'
  if (verb === 'connect' ? isHost && mode !== 'host' : isHost && mode === 'host') {
    throw new EngineError(
      'forbidden',
      verb === 'connect'
        ? 'cannot connect container to host network - container must be created in host network mode'
        : 'cannot disconnect container from host network - container was created in host network mode',
    )
  }
  if (verb === 'connect' && (mode === 'container' || (mode === 'host' && !isHost))) {
    throw new EngineError(
      'forbidden',
      'container sharing network namespace with another container or host cannot be connected to any other network',
    )
  }
  if (verb === 'connect' && (network.name === 'none' || mode === 'none')) {
    throw new EngineError(
      'forbidden',
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    )
  }
}

const changeOf = (
  containers: ContainerSet,
  container: Container,
  sandbox: Sandbox,
): NetworkChange => ({
  gateways: gatewaysOf(sandbox.endpoints),
  resolver: wantsResolver(sandbox.endpoints),
  ...(sandbox.ports.length > 0 ? { ports: guestPorts(sandbox) } : {}),
  files: networkFiles(
    containers,
    container.record,
    sandbox,
    linkLines(containers, container.record),
  ),
})
