import wasmUrl from 'v86/build/v86.wasm?url'
import { EngineError } from '../../core/error.ts'
import type { CatalogFiles } from '../../storage/host-root.ts'

/** Told of bytes as they arrive; `totalBytes` is 0 while unknown. */
export type OnProgress = (loadedBytes: number, totalBytes: number) => void

/** The static files beside the page. */
export class Assets {
  /** Where the files are, ending in `/`. */
  readonly base: string
  readonly #signal: AbortSignal

  /** @param base where `guest/` and `registry/` are served, ending in `/` */
  constructor(base: string, signal: AbortSignal) {
    this.base = base
    this.#signal = signal
  }

  /** The emulator, compiled while it arrives. */
  async emulator(): Promise<WebAssembly.Module> {
    const response = await this.#get(wasmUrl)
    return WebAssembly.compileStreaming(response)
  }

  /**
   * A whole file into one buffer of its size.
   * @param size in bytes, as its manifest says; the server's Content-Length may be that of the compressed bytes
   */
  async buffer(path: string, size: number, onProgress: OnProgress): Promise<ArrayBuffer> {
    const { body } = await this.#get(this.base + path)
    if (!body) throw new EngineError('unavailable', `${path} came without content`)
    const bytes = new Uint8Array(size)
    const reader = body.getReader()
    let at = 0
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (at + value.length > size) {
        await reader.cancel()
        throw new EngineError(
          'unavailable',
          `${path} is of another build: it is too long. Reload the page.`,
        )
      }
      bytes.set(value, at)
      at += value.length
      onProgress(at, size)
    }
    if (at < size) throw new EngineError('unavailable', `${path} ended early. Reload the page.`)
    return bytes.buffer
  }

  readonly catalog: CatalogFiles = {
    open: async (path, signal) => {
      const response = await this.#fetch(`${this.base}registry/${path}`, {}, signal)
      // Some hosts answer an unknown path with the page itself.
      const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false
      if (!response.ok || isPage || !response.body) {
        await response.body?.cancel()
        return undefined
      }
      return response.body
    },
    range: async (path, offset, length) => {
      const headers = { range: `bytes=${offset}-${offset + length - 1}` }
      const response = await this.#fetch(`${this.base}registry/${path}`, headers)
      if (response.status !== 206 && response.status !== 200) {
        throw new EngineError('unavailable', `Cannot read ${path}: ${response.status}`)
      }
      const bytes = new Uint8Array(await response.arrayBuffer())
      // A host without ranges sends all.
      return response.status === 206 ? bytes : bytes.subarray(offset, offset + length)
    },
  }

  async #get(url: string): Promise<Response> {
    const response = await this.#fetch(url, {})
    if (!response.ok) {
      throw new EngineError('unavailable', `Cannot load ${url}: the server says ${response.status}`)
    }
    return response
  }

  async #fetch(
    url: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal = this.#signal,
  ): Promise<Response> {
    try {
      return await fetch(url, { headers, signal })
    } catch (cause) {
      signal.throwIfAborted()
      throw new EngineError('unavailable', `Cannot load ${url}: the network failed`, { cause })
    }
  }
}
