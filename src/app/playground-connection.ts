import { EngineError } from '../core/error.ts'
import { engineWorker, engineWorkerBroken } from './engine-worker.ts'
import { connectEngine, type EngineConnection } from '../link/engine/client.ts'
import type { GuestFiles } from '../link/guest-files.ts'
import type {
  PlaygroundStatus,
  TerminalSession,
  TerminalSink,
  TerminalSize,
} from '../link/playground.ts'
import type { OnTransfer } from '../link/transfer.ts'
import {
  arrived,
  callable,
  connectPlayground,
  given,
  type RemotePlayground,
} from '../link/transport.ts'

/** The worker behind the page. */
export class PlaygroundConnection {
  readonly #onStatus: (status: PlaygroundStatus) => void
  readonly #playground: RemotePlayground = connectPlayground(engineWorker)
  #files: Promise<GuestFiles> | undefined

  constructor(onStatus: (status: PlaygroundStatus) => void) {
    this.#onStatus = onStatus
  }

  /**
   * @throws EngineError when the playground can't start in this browser; `conflict` when another tab has it, unless
   * `takeOver` asks that tab to leave
   */
  async open({ takeOver }: { readonly takeOver: boolean }): Promise<void> {
    if (typeof WebAssembly === 'undefined') {
      throw new EngineError(
        'unavailable',
        'This browser has WebAssembly switched off, which the machine is made of.',
      )
    }
    const engineId = new URLSearchParams(location.search).get('engine') ?? 'default'
    const options = {
      engineId,
      takeOver,
      build: BUILD,
      assets: new URL('./', document.baseURI).href,
    }
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

  /** The shell's files, once the machine is there. */
  readonly files: GuestFiles = {
    list: (path) => this.#ask((files) => files.list(path)),
    stat: (path) => this.#ask((files) => files.stat(path)),
    read: (path) =>
      this.#ask(async (files) => {
        const reader = await files.read(path)
        return { next: () => carried(reader.next()), close: () => carried(reader.close()) }
      }),
    write: (path, source, expected) =>
      this.#ask((files) => files.write(path, callable(source), expected)),
    makeDirectory: (path) => this.#ask((files) => files.makeDirectory(path)),
    move: (path, to) => this.#ask((files) => files.move(path, to)),
    remove: (path) => this.#ask((files) => files.remove(path)),
  }

  async #ask<T>(call: (files: GuestFiles) => Promise<T>): Promise<T> {
    return carried(
      (async () => {
        const files = (this.#files ??= this.#playground.files())
        files.catch(() => (this.#files = undefined))
        return call(await files)
      })(),
    )
  }

  /**
   * A door into the engine, of the caller's own: what was asked by it ends with it.
   * @throws EngineError `unavailable` before `open` has resolved
   */
  async engine(): Promise<EngineConnection> {
    const { port1, port2 } = new MessageChannel()
    await carried(this.#playground.engine(given(port1)))
    return connectEngine(port2)
  }

  /** Serve a preview's channel; undefined: it was closed. */
  async preview(port: number, channel: MessagePort | undefined): Promise<void> {
    try {
      await this.#playground.preview(port, channel && given(channel))
    } catch (error) {
      throw arrived(error)
    }
  }

  async diagnostics(): Promise<string> {
    return this.#playground.diagnostics()
  }

  /** @throws EngineError, see `Transfer` */
  async exportPlayground(onProgress: OnTransfer): Promise<Blob> {
    try {
      return await this.#playground.exportPlayground(callable(onProgress))
    } catch (error) {
      throw arrived(error)
    }
  }

  /** @throws EngineError, see `Transfer` */
  async importPlayground(file: Blob, onProgress: OnTransfer): Promise<void> {
    try {
      await this.#playground.importPlayground(file, callable(onProgress))
    } catch (error) {
      throw arrived(error)
    }
  }
}

async function carried<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw arrived(error)
  }
}
