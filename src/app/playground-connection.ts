import { EngineError } from '../core/error.ts'
import type {
  PlaygroundStatus,
  TerminalSession,
  TerminalSink,
  TerminalSize,
} from '../link/playground.ts'
import { arrived, callable, connectPlayground, type RemotePlayground } from '../link/transport.ts'

/** The worker behind the page. */
export class PlaygroundConnection {
  /** Resolves when the machine runs for the first time. */
  readonly ready: Promise<void>
  readonly #onStatus: (status: PlaygroundStatus) => void
  #playground: RemotePlayground | undefined
  #becomeReady: () => void = () => undefined

  constructor(onStatus: (status: PlaygroundStatus) => void) {
    this.#onStatus = onStatus
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve
    })
  }

  /** @throws EngineError when the playground can't start in this browser */
  async open(): Promise<void> {
    if (typeof WebAssembly === 'undefined') {
      throw new EngineError(
        'unavailable',
        'This browser has WebAssembly switched off, which the machine is made of.',
      )
    }
    const worker = new Worker(new URL('../hosts/worker/worker.ts', import.meta.url), {
      type: 'module',
    })
    const broken = new Promise<never>((_, reject) => {
      worker.addEventListener('error', (event) =>
        reject(
          new EngineError(
            'unavailable',
            `The engine's worker failed: ${event.message || 'it could not be loaded'}`,
          ),
        ),
      )
    })
    this.#playground = connectPlayground(worker)
    const engineId = new URLSearchParams(location.search).get('engine') ?? 'default'
    const options = { engineId, build: BUILD, assets: new URL('./', document.baseURI).href }
    try {
      await Promise.race([
        this.#playground.open(
          options,
          callable((status) => this.#onStatus(status)),
        ),
        broken,
      ])
    } catch (error) {
      throw arrived(error)
    }
    this.#becomeReady()
  }

  async terminal(size: TerminalSize, sink: TerminalSink): Promise<TerminalSession> {
    if (!this.#playground) throw new EngineError('unavailable', 'The engine is not there yet.')
    try {
      return await this.#playground.terminal(size, callable(sink))
    } catch (error) {
      throw arrived(error)
    }
  }

  async diagnostics(): Promise<string> {
    return (await this.#playground?.diagnostics()) ?? 'The engine is not there yet.'
  }
}
