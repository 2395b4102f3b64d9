import { EngineError } from '../../core/error.ts'
import { Resources } from '../../core/resources.ts'
import type {
  OpenOptions,
  Playground,
  PlaygroundStatus,
  TerminalSession,
  TerminalSink,
  TerminalSize,
} from '../../link/playground.ts'
import type { MachineState } from '../../ports/machine.ts'
import type { GuestMachine } from '../../machine/guest-machine.ts'
import { diagnosticsOf } from '../diagnostics.ts'
import { serveGuest } from '../guest-services.ts'
import { serveDocker } from '../guest-cli/serve-docker.ts'
import { Assets } from './assets.ts'
import { lockEngine } from './engine-lock.ts'
import { openEngine, requireBrowser, type OpenEngine } from './open-engine.ts'
import { openShell } from './shell.ts'
import { StatusBoard } from './status-board.ts'
import { watchCounts } from './watch-counts.ts'
import { watchPulls } from './watch-pulls.ts'

/** Named by the bundler, as the page's. */
declare const BUILD: string

/** The engine and the machine behind a page. */
export class WorkerPlayground implements Playground {
  #open: { readonly engine: OpenEngine; readonly owned: Resources } | undefined
  readonly #machine: Promise<GuestMachine>
  #tellMachine: (machine: GuestMachine) => void = () => undefined
  #shells = 0

  constructor() {
    this.#machine = new Promise((resolve) => {
      this.#tellMachine = resolve
    })
  }

  async open(options: OpenOptions, onStatus: (status: PlaygroundStatus) => void): Promise<void> {
    if (options.build !== BUILD) {
      throw new EngineError(
        'conflict',
        'The page and its engine are of different builds. Reload the page.',
      )
    }
    requireBrowser()
    await using opening = new Resources()
    opening.use(await lockEngine(options.engineId))
    const stop = new AbortController()
    opening.defer(() => stop.abort())
    const board = opening.use(new StatusBoard(onStatus))
    const engine = opening.use(
      await openEngine({
        assets: new Assets(options.assets, stop.signal),
        engineId: options.engineId,
        onProgress: (loadedBytes, totalBytes) =>
          board.update({ machine: { phase: 'loading', loadedBytes, totalBytes } }),
        onMachine: (machine) => this.#tellMachine(machine),
      }),
    )
    const { machine } = engine
    const handler = watchPulls(engine.handler, (pulls) => board.update({ pulls }))
    machine.onState((state) => {
      void this.#show(state, engine, board)
    }, stop.signal)
    void serveGuest(machine, {
      handler,
      requestId: engine.requestId,
      docker: (connection) => serveDocker(connection, handler),
      log: (line) => engine.engine.context.log.add(line),
      signal: stop.signal,
    })
    void watchCounts(handler, engine.requestId, stop.signal, (counts) => board.update(counts))
    board.update({ machine: { phase: 'starting' } })
    await this.#show({ state: 'running' }, engine, board)
    this.#open = { engine, owned: opening.move() }
  }

  async terminal(size: TerminalSize, sink: TerminalSink): Promise<TerminalSession> {
    const machine = await this.#machine
    this.#shells++
    return openShell(machine, `shell-${this.#shells}`, size, sink)
  }

  async diagnostics(): Promise<string> {
    if (!this.#open) return 'The engine is not there yet.'
    return diagnosticsOf(this.#open.engine.handler, this.#open.engine.requestId)
  }

  async close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.owned[Symbol.asyncDispose]()
  }

  async #show(state: MachineState, { machine }: OpenEngine, board: StatusBoard): Promise<void> {
    const before = board.status.machine
    if (state.state === 'lost') board.update({ machine: { phase: 'lost', reason: state.reason } })
    else if (state.state === 'starting') {
      const after = before.phase === 'lost' ? { after: before.reason } : {}
      board.update({ machine: { phase: 'starting', ...after } })
    } else {
      const { kernel, memoryBytes } = await machine.info()
      board.update({ machine: { phase: 'running', kernel, memoryBytes } })
    }
  }
}
