import { dockerClient } from '../../client/client.ts'
import { runCli } from '../../cli/run-cli.ts'
import { compose } from '../../compose/compose.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { nodeCliHost } from './cli-host.ts'
import { engineSocket } from './engine-socket.ts'

const DEFAULT_HOST = 'unix:///var/run/docker.sock'

/**
 * `drydock docker …`: our docker CLI against any engine.
 * @param argv without the program's name
 * @param own an engine of our own, asked for when neither `-H` nor DOCKER_HOST names one
 * @returns the exit code
 */
export async function runDocker(argv: readonly string[], own?: EngineHandler): Promise<number> {
  const host = nodeCliHost()
  const address = process.env['DOCKER_HOST']
  const handler =
    address === undefined || address === ''
      ? (own ?? engineSocket(DEFAULT_HOST))
      : engineSocket(address)
  return runCli(argv, host, dockerClient(handler), {
    connect: (named) => dockerClient(engineSocket(named)),
    plugins: { compose },
  })
}
