import { createServer } from 'node:http'
import { egressRules, type EgressOptions } from './egress-options.ts'
import { EgressPolicy } from './egress-policy.ts'
import { RelayServer } from './relay-server.ts'
import { untilInterrupted } from './until-interrupted.ts'

/**
 * `drydock relay`: a relay for a page that is served elsewhere, on a loopback port, until it is interrupted. What puts TLS
 * before it makes it public.
 * @param origins of the pages that may use it
 */
export async function serveRelay(
  port: number,
  origins: readonly string[],
  options: EgressOptions,
): Promise<void> {
  const policy = new EgressPolicy(egressRules(options))
  using relay = new RelayServer({ policy, origins, token: process.env['DRYDOCK_RELAY_TOKEN'] })
  const server = createServer((request, response) => {
    if (!relay.request(request, response)) response.writeHead(404).end()
  })
  server.on('upgrade', (request, socket, head) => relay.upgrade(request, socket, head))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = server.address()
  const own = typeof bound === 'object' && bound ? bound.port : port
  relay.closePort(own)
  const { settings } = relay
  const url = `ws://localhost:${own}/${settings.url}`
  console.log(`Drydock relay for config.json: ${JSON.stringify({ relay: { ...settings, url } })}`)
  await untilInterrupted()
  server.close()
  server.closeAllConnections()
}
