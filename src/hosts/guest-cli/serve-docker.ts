import { runCli } from '../../cli/run-cli.ts'
import { dockerClient } from '../../client/client.ts'
import type { Duplex } from '../../core/duplex.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { serveStub } from './serve-stub.ts'

/** One `docker` of the guest's shell: our CLI over the engine. Never rejects. */
export const serveDocker = (connection: Duplex, handler: EngineHandler): Promise<void> =>
  serveStub(connection, (host, argv) => runCli(argv, host, dockerClient(handler)))
