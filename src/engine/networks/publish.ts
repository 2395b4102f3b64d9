import { EngineError } from '../../core/error.ts'
import type { PortPublisher } from '../../ports/port-publisher.ts'
import type { ContainerSetup } from '../containers/record.ts'
import { portRequests, type PortTable } from './ports.ts'
import { portTarget, type Sandbox } from './sandbox.ts'

/**
 * Takes and opens the ports of a container that has a place; what was opened by a failure stands in the sandbox.
 * @throws EngineError in Docker's words
 */
export async function publishPorts(
  table: PortTable,
  publisher: PortPublisher | undefined,
  sandbox: Sandbox,
  { id, config, hostConfig, name }: ContainerSetup,
): Promise<void> {
  const endpoint = sandbox.endpoints[0]
  const address = portTarget(sandbox.endpoints)
  // Without a way to the host, as in an internal network, Docker opens none either.
  if (!endpoint || address === undefined) return
  try {
    for (const request of portRequests(config, hostConfig)) {
      const refused = new Set<number>()
      for (;;) {
        const bindings = table.take(request, refused)
        sandbox.ports = [...sandbox.ports, ...bindings]
        // It may be in other networks later.
        const target = (hostIp: string) => (): { address: string; port: number } => ({
          address:
            (hostIp.includes(':') ? portTarget(sandbox.endpoints, 6) : undefined) ??
            portTarget(sandbox.endpoints) ??
            address,
          port: request.containerPort,
        })
        try {
          for (const { protocol, hostIp, hostPort } of bindings) {
            const opened = await publisher?.publish(
              { protocol, address: hostIp, port: hostPort, container: { id, name } },
              target(hostIp),
            )
            if (opened) sandbox.opened = [...sandbox.opened, opened]
          }
          break
        } catch (error) {
          const port = bindings[0]?.hostPort ?? 0
          if (!(error instanceof EngineError) || request.hostPorts[0] === request.hostPorts[1]) {
            throw new EngineError(
              'internal',
              `failed to bind host port for ${bindings[0]?.hostIp}:${port}:${address}:${request.containerPort}/${request.protocol}: ${error instanceof Error ? error.message : String(error)}`,
              { cause: error },
            )
          }
          // A port of another program's: the next one will do.
          refused.add(port)
          table.release(bindings)
          sandbox.ports = sandbox.ports.filter((binding) => !bindings.includes(binding))
        }
      }
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw new EngineError(
      error.code,
      `driver failed programming external connectivity on endpoint ${name} (${endpoint.id}): ${error.message}`,
      { cause: error },
    )
  }
}
