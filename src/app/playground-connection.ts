import { EngineError } from '../core/error.ts'
import { engineWorker, engineWorkerBroken } from './engine-worker.ts'
import type {
  PlaygroundStatus,
  TerminalSession,
  TerminalSink,
  TerminalSize,
} from '../link/playground.ts'
import { arrived, callable, connectPlayground, type RemotePlayground } from '../link/transport.ts'

/** The worker behind the page. */
export class PlaygroundConnection {
  readonly #onStatus: (status: PlaygroundStatus) => void
  readonly #playground: RemotePlayground = connectPlayground(engineWorker)

  constructor(onStatus: (status: PlaygroundStatus) => void) {
    this.#onStatus = onStatus
  }

  /** @throws EngineError when the playground can't start in this browser */
  async open(): Promise<void> {
    if (typeof WebAssembly === 'undefined') {
      throw new EngineError(
        'unavailable',
        'This browser has WebAssembly switched off, which the machine is made of.',
      )
    }
    const engineId = new URLSearchParams(location.search).get('engine') ?? 'default'
    const options = { engineId, build: BUILD, assets: new URL('./', document.baseURI).href }
    try {
      await Promise.race([
        this.#playground.open(
          options,
          callable((status) => this.#onStatus(status)),
        ),
        engineWorkerBroken,
      ])
    } catch (error) {
      throw arrived(error)
    }
  }

  /** Waits for the machine. */
  async terminal(size: TerminalSize, sink: TerminalSink): Promise<TerminalSession> {
    try {
      return await this.#playground.terminal(size, callable(sink))
    } catch (error) {
      throw arrived(error)
    }
  }

  async diagnostics(): Promise<string> {
    return this.#playground.diagnostics()
  }
}
