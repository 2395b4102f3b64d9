import type { EngineHandler } from '../../core/engine-http.ts'
import { EnginePort } from './engine-port.ts'

/** The ports by which an engine is asked: of the page, of its panels, of who embeds it. Disposing it closes them. */
export class EnginePorts implements Disposable {
  readonly #handler: EngineHandler
  readonly #requestId: () => string
  readonly #ports = new Set<EnginePort>()

  constructor(handler: EngineHandler, requestId: () => string) {
    this.#handler = handler
    this.#requestId = requestId
  }

  open(port: MessagePort): void {
    const served = new EnginePort(port, this.#handler, this.#requestId)
    this.#ports.add(served)
    void served.closed.then(() => this.#ports.delete(served))
  }

  [Symbol.dispose](): void {
    for (const port of this.#ports) port[Symbol.dispose]()
  }
}
