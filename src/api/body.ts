import type { EngineRequest } from '../core/engine-http.ts'
import { EngineError } from '../core/error.ts'

/** Largest JSON body, in bytes: nothing a client sends in JSON comes near. */
const JSON_MAX = 16 * 1024 * 1024

/**
 * The body as JSON; undefined when there is none (moby daemon/server/httputils/httputils.go, ReadJSON).
 * @throws EngineError `invalid-parameter`
 */
export async function readJson(request: EngineRequest): Promise<unknown> {
  if (!request.body) return undefined
  const text = await readText(request.body)
  if (text.trim() === '') return undefined
  const type = request.headers['content-type'] ?? ''
  if (type.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    throw new EngineError(
      'invalid-parameter',
      type === ''
        ? 'malformed Content-Type header (): mime: no media type'
        : `unsupported Content-Type header (${type}): must be 'application/json'`,
    )
  }
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new EngineError('invalid-parameter', `invalid JSON: ${reasonOf(cause)}`, { cause })
  }
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > JSON_MAX) {
      throw new EngineError('invalid-parameter', 'invalid JSON: the body is too large')
    }
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** An early end is told in Go's words; for the rest the parser's are better. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return /unterminated|unexpected end|end of (the )?(data|JSON|input)|after (property|array)/i.test(
    message,
  )
    ? 'unexpected EOF'
    : message
}
