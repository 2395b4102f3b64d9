import type { EngineHandler } from '../core/engine-http.ts'
import { EngineError } from '../core/error.ts'

/** One GET for JSON, for a host's own needs. @throws EngineError with the engine's message */
export async function getJson<T>(
  handler: EngineHandler,
  id: string,
  path: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<T> {
  const response = await handler({ method: 'GET', path, headers: {}, signal, id })
  const text = await new Response(response.body ?? null).text()
  if (response.status !== 200)
    throw new EngineError('internal', `GET ${path}: ${response.status} ${text}`)
  return JSON.parse(text) as T
}
