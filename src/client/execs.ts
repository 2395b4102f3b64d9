import type { ApiClient, Hijacked } from './api-client.ts'
import type { ExecInspect } from './types.ts'

export interface ExecCreate {
  readonly User: string
  readonly Privileged: boolean
  readonly Tty: boolean
  /** Height, width. */
  readonly ConsoleSize?: readonly [number, number]
  readonly AttachStdin: boolean
  readonly AttachStdout: boolean
  readonly AttachStderr: boolean
  readonly DetachKeys: string
  readonly Env: readonly string[]
  readonly WorkingDir: string
  readonly Cmd: readonly string[]
}

export class Execs {
  readonly #api: ApiClient

  constructor(api: ApiClient) {
    this.#api = api
  }

  create(
    container: string,
    request: ExecCreate,
    signal?: AbortSignal,
  ): Promise<{ readonly Id: string }> {
    return this.#api.json('POST', `/containers/${encodeURIComponent(container)}/exec`, {
      json: request,
      signal,
    })
  }

  startDetached(id: string, tty: boolean, signal?: AbortSignal): Promise<void> {
    return this.#api.call('POST', `/exec/${id}/start`, { json: { Detach: true, Tty: tty }, signal })
  }

  start(
    id: string,
    options: { readonly tty: boolean; readonly consoleSize?: readonly [number, number] },
    signal?: AbortSignal,
  ): Promise<Hijacked> {
    const { tty, consoleSize } = options
    const json = { Detach: false, Tty: tty, ...(consoleSize && { ConsoleSize: consoleSize }) }
    return this.#api.hijack(`/exec/${id}/start`, { json, signal })
  }

  inspect(id: string, signal?: AbortSignal): Promise<ExecInspect> {
    return this.#api.json('GET', `/exec/${id}/json`, { signal })
  }

  resize(
    id: string,
    size: { readonly rows: number; readonly cols: number },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#api.call('POST', `/exec/${id}/resize`, {
      query: { h: size.rows, w: size.cols },
      signal,
    })
  }
}
