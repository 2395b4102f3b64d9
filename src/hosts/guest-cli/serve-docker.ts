import { runCli } from '../../cli/run-cli.ts'
import { compose } from '../../compose/compose.ts'
import { dockerClient } from '../../client/client.ts'
import type { Duplex } from '../../core/duplex.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { serveStub, type StubCliHost } from './serve-stub.ts'

/** Takes a call that is no user's; undefined leaves it to the CLI. */
type OwnCommand = (host: StubCliHost, argv: readonly string[]) => Promise<number> | undefined

/** One `docker` of the guest's shell: our CLI over the engine. Never rejects. */
export const serveDocker = (
  connection: Duplex,
  handler: EngineHandler,
  own?: OwnCommand,
): Promise<void> =>
  serveStub(
    connection,
    (host, argv) =>
      own?.(host, argv) ?? runCli(argv, host, dockerClient(handler), { plugins: { compose } }),
  )
