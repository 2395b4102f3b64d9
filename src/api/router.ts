import type { ErrorCode } from '../core/error.ts'
import type { EngineRequest, EngineResponse } from '../core/engine-http.ts'
import { encodeJsonLine } from '../codec/json-lines.ts'
import { checkShape, type Shape } from '../codec/json-shape.ts'
import { readJson } from './body.ts'
import { Query } from './params.ts'

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** `/containers/{name}/json`; `{name...}` takes slashes, too. */
  readonly path: string
  /** What of Docker's operation is not served, or is served otherwise; for docs/api.md. */
  readonly limits?: string
  /** Every request is refused with this. */
  readonly refused?: ErrorCode
  handle(call: Call): Promise<EngineResponse>
}

/** A request that has found its route. */
export interface Call {
  readonly request: EngineRequest
  /** Decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  /** Minor number of the API version asked for: 51 of `/v1.51`. */
  readonly minor: number
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
  /**
   * The body as JSON; undefined without one.
   * @param shape checked, and members that are null left out, where given
   * @throws EngineError `invalid-parameter` in Docker's words
   */
  json<T>(shape?: Shape): Promise<T | undefined>
}

interface Compiled {
  readonly route: Route
  readonly pattern: RegExp
  readonly names: readonly string[]
}

/** Finds the route of a request: the first that matches. */
export class Router {
  readonly #routes: readonly Compiled[]

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map(compile)
  }

  /** @param path without version and query, still percent-encoded */
  find(
    method: string,
    path: string,
  ): { readonly route: Route; readonly params: Record<string, string> } | undefined {
    for (const { route, pattern, names } of this.#routes) {
      // Go's mux answers HEAD only where it is told to; so does this.
      if (route.method !== method) continue
      const found = pattern.exec(path)
      if (!found) continue
      const params: Record<string, string> = {}
      for (const [index, name] of names.entries()) params[name] = decode(found[index + 1] ?? '')
      return { route, params }
    }
    return undefined
  }
}

function compile(route: Route): Compiled {
  const names: string[] = []
  const source = route.path.replaceAll(
    /\{(\w+)(\.\.\.)?\}|[.\\+*?^$()[\]|]/g,
    (text, name: string | undefined, rest: string | undefined) => {
      if (name === undefined) return `\\${text}`
      names.push(name)
      return rest ? '(.+)' : '([^/]+)'
    },
  )
  return { route, pattern: new RegExp(`^${source}$`), names }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const callOf = (
  request: EngineRequest,
  params: Readonly<Record<string, string>>,
  search: string,
  minor: number,
): Call => ({
  request,
  params,
  query: new Query(new URLSearchParams(search)),
  minor,
  signal: request.signal,
  json: async <T>(shape?: Shape) => {
    const value = (await readJson(request)) ?? undefined
    if (!shape || value === undefined) return value as T | undefined
    checkShape(value, shape)
    // To Go a null is a member that isn't there.
    return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null)) as T
  },
})

const encoder = new TextEncoder()

/** Bytes as a body. */
export const bytesOf = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      controller.enqueue(bytes)
      controller.close()
    },
  })

/** Go's encoder ends each value with a line end; its length is known. */
export function json(status: number, value: unknown): EngineResponse {
  const bytes = encoder.encode(`${JSON.stringify(value)}\n`)
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': String(bytes.length) },
    body: bytesOf(bytes),
  }
}

/** JSON values one by one, as they come; a reader that stops reading stops the source. */
export function jsonLines(
  values: ReadableStream<unknown>,
  headers: Readonly<Record<string, string>> = {},
): EngineResponse {
  const reader = values.getReader()
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...headers },
    body: new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(encodeJsonLine(value))
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    ),
  }
}

/** No body and no length, as Go answers 204 and 304. */
export const empty = (status: 200 | 201 | 204 | 304 = 204): EngineResponse => ({
  status,
  headers: {},
})
