import type { Duplex } from './duplex.ts'

/**
 * One request to the Engine API, as a plain value: browsers' `Request` can't stream bodies everywhere
 * and can't say 101.
 */
export interface EngineRequest {
  /** Upper case. */
  readonly method: string
  /** Path and query as sent, still percent-encoded: `/v1.51/containers/json?all=1`. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: ReadableStream<Uint8Array>
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
  /** Names the request in the log from the API down to guestd. */
  readonly id: string
}

/** The answer. It is given as soon as status and headers are known; the body comes later. */
export interface EngineResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: ReadableStream<Uint8Array>
  /**
   * Takes over the connection (attach, exec start). The server answers 101 with `Connection: Upgrade` and
   * `Upgrade: tcp` when the request asked for it, else 200, and then calls this with the raw bytes.
   * Resolves when the engine is done; the server then closes the connection.
   */
  readonly upgrade?: (connection: Duplex) => Promise<void>
}

/** The only door into an engine: the tab's, a headless one, or a real dockerd behind a socket. */
export type EngineHandler = (request: EngineRequest) => Promise<EngineResponse>
