import { createApi } from '../../api/handler.ts'
import { ApiClient } from '../../client/api-client.ts'
import { runCli } from '../../cli/main.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import { createEngine, type Engine } from '../../engine/engine.ts'
import type {
  OpenOptions,
  Playground,
  PlaygroundStatus,
  TerminalSession,
  TerminalSink,
  TerminalSize,
} from '../../link/playground.ts'
import { GuestMachine } from '../../machine/guest-machine.ts'
import type { MachineState } from '../../ports/machine.ts'
import { CatalogTransport } from '../../storage/catalog.ts'
import { FetchTransport } from '../../storage/fetch-transport.ts'
import { openHostRoot } from '../../storage/host-root.ts'
import { buildInfo } from '../build-info.ts'
import { serveStub } from '../guest-cli/serve-stub.ts'
import { serveGuest } from '../guest-services.ts'
import { Assets } from './assets.ts'
import { browserClock } from './browser-clock.ts'
import { lockEngine } from './engine-lock.ts'
import { openShell } from './shell.ts'
import { StatusBoard } from './status-board.ts'
import { watchPulls } from './watch-pulls.ts'

interface Parts {
  readonly machine: GuestMachine
  readonly engine: Engine
  readonly handler: EngineHandler
  readonly client: ApiClient
}

/** The engine and the machine behind a page. */
export class WorkerPlayground implements Playground {
  readonly #stop = new AbortController()
  #resources: AsyncDisposableStack | undefined
}
