import { EngineError } from '../../core/error.ts'
import { Resources } from '../../core/resources.ts'
import type { GuestFiles } from '../../link/guest-files.ts'
import type {
  OpenOptions,
  Playground,
  PlaygroundStatus,
  TerminalSession,
  TerminalSink,
  TerminalSize,
} from '../../link/playground.ts'
import type { Departure, DepartureStatus } from '../../link/ownership.ts'
import type { OnTransfer } from '../../link/transfer.ts'
import type { MachineState } from '../../ports/machine/guest.ts'
import type { GuestMachine } from '../../machine/guest-machine.ts'
import { replaceStores } from '../../storage/idb/replacement.ts'
import { diagnosticsOf } from '../diagnostics.ts'
import { serveGuest } from '../guest-services.ts'
import { serveDocker } from '../guest-cli/serve-docker.ts'
import { ShellFiles } from '../shell-files.ts'
import { Assets } from './assets.ts'
import { EnginePorts } from './engine-ports.ts'
import { lockEngine } from './engine-lock.ts'
import { openEngine, requireBrowser, requireEngineId, type OpenEngine } from './open-engine.ts'
import { openShell } from './shell.ts'
import { PreviewPorts } from './preview/ports.ts'
import { StatusBoard } from './status-board.ts'
import { exportBlob, importBlob } from './transfer.ts'
import { watchPulls } from './watch-pulls.ts'
import { watchStorage } from './watch-storage.ts'

/** Named by the bundler, as the page's. */
declare const BUILD: string

interface OpenPlayground {
  readonly engineId: string
  readonly engine: OpenEngine
  readonly files: ShellFiles
  readonly ports: PreviewPorts
  readonly doors: EnginePorts
  /** All but the lock. */
  readonly owned: Resources
  readonly lock: Resources
  /** Tell the page why it ends. */
  readonly tell: (departure: DepartureStatus) => void
}

/** The engine and the machine behind a page. */
export class WorkerPlayground implements Playground {
  #open: OpenPlayground | undefined
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
        'unavailable',
        'The page and its engine are of different builds. Reload the page.',
      )
    }
    requireBrowser()
    requireEngineId(options.engineId)
    const { takeOver = false } = options
    await using locking = new Resources()
    const lock = locking.use(await lockEngine(options.engineId, { takeOver }))
    await using opening = new Resources()
    const stop = new AbortController()
    opening.defer(() => stop.abort())
    const board = opening.use(new StatusBoard(onStatus))
    const ports = opening.use(new PreviewPorts(async () => (await this.#machine).networks))
    const engine = opening.use(
      await openEngine({
        ports,
        assets: new Assets(options.assets, stop.signal),
        engineId: options.engineId,
        onProgress: (loadedBytes, totalBytes) =>
          board.update({ machine: { phase: 'loading', loadedBytes, totalBytes } }),
        onMachine: (machine) => this.#tellMachine(machine),
      }),
    )
    const { machine } = engine
    const handler = watchPulls(engine.handler, (pulls) => board.update({ pulls }))
    machine.guest.onState((state) => {
      void this.#show(state, engine, board)
    }, stop.signal)
    const doors = opening.use(new EnginePorts(handler, engine.requestId))
    const files = new ShellFiles(machine.processes)
    void serveGuest(machine.guest, {
      handler,
      requestId: engine.requestId,
      docker: (connection) =>
        serveDocker(connection, handler, (host, argv) => files.serve(host, argv)),
      log: (line) => engine.engine.context.log.add(line),
      signal: stop.signal,
    })
    void engine.closed.then((closed) => closed !== undefined && board.update({ closed }))
    engine.room.watch((trouble) => board.update({ trouble }))
    void watchStorage(handler, engine.requestId, engine.room, stop.signal, (storage) =>
      board.update({ storage }),
    )
    board.update({ machine: { phase: 'starting' } })
    await this.#show({ state: 'running' }, engine, board)
    const { engineId } = options
    const tell = (departure: DepartureStatus): void => {
      // Whatever is told after it says it, too.
      board.update({ departure })
      onStatus(board.status)
    }
    this.#open = {
      engineId,
      engine,
      files,
      ports,
      doors,
      owned: opening.move(),
      lock: locking.move(),
      tell,
    }
    let isTaken = false
    const taken = Promise.race([lock.taken, engine.superseded]).then(() => {
      isTaken = true
    })
    // Who wakes up hears first that it was asked, and only then that nobody waited for it.
    void Promise.race([lock.asked, taken]).then(() =>
      this.#leave(() => (isTaken ? 'taken' : 'asked')),
    )
  }

  /**
   * Stop cleanly and say so.
   * @param last done when all is closed, while no other tab can have the playground
   */
  async #leave(why: () => Departure, last?: (engineId: string) => Promise<void>): Promise<void> {
    const open = this.#open
    if (!open) return
    this.#open = undefined
    open.tell({ why: why(), isOver: false })
    // What can't be stored any more is nobody's to worry about.
    await open.owned[Symbol.asyncDispose]().catch(() => undefined)
    try {
      await last?.(open.engineId)
    } finally {
      await open.lock[Symbol.asyncDispose]()
      open.tell({ why: why(), isOver: true })
    }
  }

  async exportPlayground(onProgress: OnTransfer): Promise<Blob> {
    return exportBlob(this.#opened.engine.source, onProgress)
  }

  async importPlayground(file: Blob, onProgress: OnTransfer): Promise<void> {
    const { engineId } = this.#opened
    const replacement = await importBlob(engineId, file, onProgress)
    await this.#leave(
      () => 'imported',
      (id) => replaceStores(id, replacement),
    )
  }

  get #opened(): OpenPlayground {
    if (!this.#open) throw new EngineError('unavailable', 'The engine is not there yet.')
    return this.#open
  }

  async terminal(size: TerminalSize, sink: TerminalSink): Promise<TerminalSession> {
    const machine = await this.#machine
    this.#shells++
    return openShell(machine.processes, `shell-${this.#shells}`, size, sink)
  }

  async files(): Promise<GuestFiles> {
    return this.#opened.files
  }

  async engine(port: MessagePort): Promise<void> {
    this.#opened.doors.open(port)
  }

  async preview(port: number, channel: MessagePort | undefined): Promise<void> {
    const { ports } = this.#opened
    if (channel) ports.connect(port, channel)
    else ports.disconnect(port)
  }

  async diagnostics(): Promise<string> {
    if (!this.#open) return 'The engine is not there yet.'
    return diagnosticsOf(this.#open.engine.handler, this.#open.engine.requestId)
  }

  async close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.owned[Symbol.asyncDispose]()
    await open?.lock[Symbol.asyncDispose]()
  }

  async #show(state: MachineState, { machine }: OpenEngine, board: StatusBoard): Promise<void> {
    const before = board.status.machine
    if (state.state === 'lost') board.update({ machine: { phase: 'lost', reason: state.reason } })
    else if (state.state === 'starting') {
      const after = before.phase === 'lost' ? { after: before.reason } : {}
      board.update({ machine: { phase: 'starting', ...after } })
    } else {
      const { kernel, memoryBytes } = await machine.guest.info()
      board.update({ machine: { phase: 'running', kernel, memoryBytes } })
    }
  }
}
