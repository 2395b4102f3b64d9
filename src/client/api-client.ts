import type { Duplex } from '../core/duplex.ts'
import { API_VERSION } from '../core/engine-api.ts'
import type { EngineHandler, EngineResponse } from '../core/engine-http.ts'
import { EngineError, statusOf } from '../core/error.ts'
import { jsonLinesDecoder } from '../codec/json-lines.ts'
import { ClientError } from './client-error.ts'
import { duplexPair } from './duplex-pair.ts'

type QueryValue = string | number | boolean | readonly string[] | undefined
/** `name=value`; nothing is sent for undefined. A list repeats its name. */
export type Query = Readonly<Record<string, QueryValue>>

/** `{label: ['a=b']}` */
export type Filters = Readonly<Record<string, readonly string[]>>

export interface CallOptions {
  readonly query?: Query
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is; `headers` tells what it is. */
  readonly body?: ReadableStream<Uint8Array>
  readonly signal?: AbortSignal | undefined
}

/** A connection that attach or exec took over. */
export interface Hijacked {
  readonly connection: Duplex
  /** No stdcopy frames: there is a terminal at the other end. */
  readonly raw: boolean
}

/** What `_ping` tells. */
export interface Ping {
  readonly apiVersion: string
  readonly osType: string
}

/** Requests to any Docker Engine. */
export class ApiClient {
  readonly #handler: EngineHandler
  #ping: Promise<Ping> | undefined
  #count = 0

  constructor(handler: EngineHandler) {
    this.#handler = handler
  }

  /** Asked once: the API version that both ends speak. */
  ping(signal?: AbortSignal): Promise<Ping> {
    this.#ping ??= this.#askPing(signal).catch((error: unknown) => {
      this.#ping = undefined
      throw error
    })
    return this.#ping
  }

  async #askPing(signal: AbortSignal | undefined): Promise<Ping> {
    const { headers, body } = await this.#send('HEAD', '/_ping', {}, signal)
    await body?.cancel()
    const theirs = headers['api-version'] ?? '1.24'
    const minor = (version: string): number => Number(version.split('.')[1] ?? 0)
    return {
      apiVersion: minor(theirs) < minor(API_VERSION) ? theirs : API_VERSION,
      osType: headers['ostype'] ?? 'linux',
    }
  }

  /**
   * The answer of a request that succeeded; its body must be read or cancelled.
   * @param path without the version: `/containers/json`
   * @throws ClientError with Docker's sentence
   */
  async request(method: string, path: string, options: CallOptions = {}): Promise<EngineResponse> {
    const { apiVersion } = await this.ping(options.signal)
    const target = `/v${apiVersion}${path}${queryText(options.query ?? {})}`
    const response = await this.#send(method, target, options, options.signal)
    if (response.status >= 400) throw await refused(response, method, target)
    return response
  }

  /** An answer that has no body or whose body doesn't matter. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<void> {
    const { body } = await this.request(method, path, options)
    await body?.cancel()
  }

  async json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const { body } = await this.request(method, path, options)
    const text = await textOf(body)
    try {
      return JSON.parse(text) as T
    } catch (cause) {
      throw new ClientError(0, `error reading the answer to ${method} ${path}`, { cause })
    }
  }

  /** A body as it comes. */
  async stream(
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.request(method, path, options)
    return body ?? emptyStream()
  }

  /** A body of JSON values, as they come. */
  async values<T>(
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<ReadableStream<T>> {
    const body = await this.stream(method, path, options)
    return body.pipeThrough(jsonLinesDecoder() as unknown as TransformStream<Uint8Array, T>)
  }

  /** The lines of a body, without the empty ones. */
  async lines(
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<ReadableStream<string>> {
    const body = await this.stream(method, path, options)
    let held = ''
    return body
      .pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>)
      .pipeThrough(
        new TransformStream<string, string>({
          transform: (text, controller) => {
            const lines = (held + text).split('\n')
            held = lines.pop() ?? ''
            for (const line of lines) if (line.trim() !== '') controller.enqueue(line.trim())
          },
          flush: (controller) => {
            if (held.trim() !== '') controller.enqueue(held.trim())
          },
        }),
      )
  }

  /** Takes over the connection. An abort of the signal breaks it. */
  async hijack(path: string, options: CallOptions = {}): Promise<Hijacked> {
    const response = await this.request('POST', path, {
      ...options,
      headers: { connection: 'Upgrade', upgrade: 'tcp', ...options.headers },
    })
    const { upgrade, headers } = response
    if (upgrade === undefined) {
      await response.body?.cancel()
      throw new ClientError(response.status, 'unable to upgrade to tcp, received 200')
    }
    const { near, far, finish } = duplexPair()
    const abort = (): void => finish(options.signal?.reason)
    options.signal?.addEventListener('abort', abort, { once: true })
    upgrade(far)
      .then(() => finish(), finish)
      .finally(() => options.signal?.removeEventListener('abort', abort))
      .catch(finish)
    return { connection: near, raw: headers['content-type'] !== MULTIPLEXED }
  }

  async #send(
    method: string,
    path: string,
    options: CallOptions,
    signal: AbortSignal | undefined,
  ): Promise<EngineResponse> {
    const json =
      options.json === undefined
        ? undefined
        : new TextEncoder().encode(JSON.stringify(options.json))
    const body = json === undefined ? options.body : streamOf(json)
    try {
      return await this.#handler({
        method,
        path,
        headers: {
          host: 'api.moby.localhost',
          'user-agent': 'Drydock-Client',
          ...(json && {
            'content-type': 'application/json',
            'content-length': String(json.length),
          }),
          ...options.headers,
        },
        ...(body && { body }),
        signal: signal ?? new AbortController().signal,
        id: `cli-${++this.#count}`,
      })
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      // An engine in the same process may throw what a server would answer.
      throw new ClientError(statusOf[error.code], `${FROM_DAEMON}${error.message}`, {
        cause: error,
      })
    }
  }
}

const FROM_DAEMON = 'Error response from daemon: '
const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream'

async function refused(
  response: EngineResponse,
  method: string,
  target: string,
): Promise<ClientError> {
  const text = (await textOf(response.body)).trim()
  const { status } = response
  if (text === '') {
    return new ClientError(
      status,
      `request returned ${status} for API route and version ${target}, check if the server supports the requested API version`,
    )
  }
  let message = text
  if ((response.headers['content-type'] ?? '').startsWith('application/json')) {
    try {
      message = (JSON.parse(text) as { message?: string }).message ?? text
    } catch (cause) {
      return new ClientError(status, `Error reading the answer to ${method} ${target}`, { cause })
    }
  }
  return new ClientError(status, FROM_DAEMON + message)
}

/** Sorted by name, as Go's url.Values are. */
function queryText(query: Query): string {
  const pairs = Object.entries(query)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([name, value]): [string, string][] => {
      if (value === undefined || value === false) return []
      if (value === true) return [[name, '1']]
      if (typeof value === 'object') return value.map((item) => [name, item])
      return [[name, String(value)]]
    })
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`
}

/** `{"label":{"a=b":true}}`; nothing when there are none. */
export function filterText(filters: Filters | undefined): string | undefined {
  if (filters === undefined || Object.keys(filters).length === 0) return undefined
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(filters).map(([name, values]) => [
        name,
        Object.fromEntries(values.map((value) => [value, true])),
      ]),
    ),
  )
}

export async function textOf(body: ReadableStream<Uint8Array> | undefined): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  if (body) for await (const chunk of body) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}

export const streamOf = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      controller.enqueue(bytes)
      controller.close()
    },
  })

const emptyStream = (): ReadableStream<Uint8Array> =>
  new ReadableStream({ start: (controller) => controller.close() })
