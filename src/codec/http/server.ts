import type { Duplex } from '../../core/duplex.ts'
import type { EngineHandler, EngineRequest, EngineResponse } from '../../core/engine-http.ts'
import { EngineError, statusOf } from '../../core/error.ts'
import { bodyBytes, encodeChunk, framingOf, LAST_CHUNK, type Framing } from './body.ts'
import { ByteReader } from './byte-reader.ts'
import { formatHead, parseRequestHead, type RequestHead } from './head.ts'

/** Unread request bytes that are dropped to keep a connection, at most. */
const DRAIN_MAX = 256 * 1024

export interface ServeOptions {
  /** Ends the connection. */
  readonly signal: AbortSignal
  /** Names each request in the log. */
  readonly requestId: () => string
}

/**
 * Serve one HTTP/1.1 connection: keep-alive, 100-continue, chunked bodies, and hijacking as Docker's clients do it. Node's own
 * server splits an upgraded request's body from its socket and can't send raw bytes after a 200, and it isn't in browsers.
 *
 * Resolves when the connection is closed; never rejects. A client that goes away aborts its request's signal.
 */
export async function serveConnection(
  connection: Duplex,
  handler: EngineHandler,
  options: ServeOptions,
): Promise<void> {
  const reader = new ByteReader(connection.readable)
  const writer = connection.writable.getWriter()
  const stop = (): void => {
    void reader.cancel(options.signal.reason).catch(ignoreClosed)
    void writer.abort(options.signal.reason).catch(ignoreClosed)
  }
  options.signal.addEventListener('abort', stop, { once: true })
  try {
    while (!options.signal.aborted && (await serveRequest(reader, writer, handler, options))) {
      // The next request of a kept connection.
    }
    await writer.close()
  } catch (error) {
    // The peer is gone or broke the protocol: nobody is left to tell.
    await writer.abort(error).catch(ignoreClosed)
  } finally {
    options.signal.removeEventListener('abort', stop)
    await reader.cancel().catch(ignoreClosed)
  }
}

/** Closing what the peer closed already is no news. */
const ignoreClosed = (): void => undefined

type Writer = WritableStreamDefaultWriter<Uint8Array>

/** @returns whether the connection can take another request */
async function serveRequest(
  reader: ByteReader,
  writer: Writer,
  handler: EngineHandler,
  options: ServeOptions,
): Promise<boolean> {
  let head: RequestHead
  let framing: Framing
  try {
    const bytes = await reader.readHead()
    if (bytes === undefined) return false
    head = parseRequestHead(bytes)
    framing = framingOf(head.headers, 'none')
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    await writeBadRequest(writer, error.message)
    return false
  }
  if (head.headers['expect']?.toLowerCase() === '100-continue') {
    await writer.write(formatHead('HTTP/1.1 100 Continue', {}))
  }

  const gone = new AbortController()
  const body = requestBody(reader, framing)
  const request: EngineRequest = {
    method: head.method,
    path: head.target,
    headers: head.headers,
    ...(framing.kind === 'none' ? {} : { body: body.stream }),
    signal: AbortSignal.any([gone.signal, options.signal]),
    id: options.requestId(),
  }

  let watching = true
  const watch = async (): Promise<void> => {
    await body.ended
    // Bytes of a next request may come and are kept; an end means that the client has left.
    if (watching && !(await reader.fill()) && watching) gone.abort(clientGone())
  }
  const hijack = head.headers['upgrade'] !== undefined
  // The sender of a hijacked request may close its half at once: an end is then the end of stdin.
  if (!hijack) watch().catch(() => gone.abort(clientGone()))

  const response = await handler(request)
  if (response.upgrade) {
    watching = false
    if (!(await body.drain())) return false
    await hijacked(reader, writer, head, response, response.upgrade)
    return false
  }
  try {
    await writeResponse(writer, head, response)
  } catch (error) {
    gone.abort(error)
    throw error
  }
  watching = false
  const keep =
    head.version === '1.1' &&
    !/\bclose\b/i.test(head.headers['connection'] ?? '') &&
    !gone.signal.aborted
  return keep && (await body.drain())
}

const clientGone = (): EngineError => new EngineError('unavailable', 'client has gone')

interface RequestBody {
  readonly stream: ReadableStream<Uint8Array>
  /** Resolves when the last byte was read. */
  readonly ended: Promise<void>
  /** Drop what the handler left; false when it is too much. */
  drain(): Promise<boolean>
}

function requestBody(reader: ByteReader, framing: Framing): RequestBody {
  const bytes = bodyBytes(reader, framing)
  let finish = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    finish = resolve
  })
  let done = framing.kind === 'none'
  if (done) finish()
  const next = async (): Promise<Uint8Array | undefined> => {
    const result = await bytes.next()
    if (!result.done) return result.value
    done = true
    finish()
    return undefined
  }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const chunk = await next()
        if (chunk === undefined) controller.close()
        else controller.enqueue(chunk)
      },
    },
    { highWaterMark: 0 },
  )
  return {
    stream,
    ended,
    drain: async () => {
      if (done) return true
      let dropped = 0
      for (let chunk = await next(); chunk; chunk = await next()) {
        dropped += chunk.length
        if (dropped > DRAIN_MAX) return false
      }
      return true
    },
  }
}

async function writeResponse(
  writer: Writer,
  head: RequestHead,
  response: EngineResponse,
): Promise<void> {
  const { status, body } = response
  const bare = status === 204 || status === 304 || (status >= 100 && status < 200)
  const headers: Record<string, string> = { ...response.headers, date: new Date().toUTCString() }
  const silent = bare || head.method === 'HEAD' || body === undefined
  const chunked = !silent && headers['content-length'] === undefined && head.version === '1.1'
  // A stray byte or length after 204 and 304 breaks the reuse of Go's connections.
  if (bare) delete headers['content-length']
  else if (body === undefined && head.method !== 'HEAD') headers['content-length'] = '0'
  if (chunked) headers['transfer-encoding'] = 'chunked'
  if (head.version === '1.0') headers['connection'] = 'close'
  await writer.write(formatHead(`HTTP/1.1 ${status} ${reasons[status] ?? 'Unknown'}`, headers))
  if (silent) {
    await body?.cancel()
    return
  }
  for await (const chunk of body) {
    if (chunk.length > 0) await writer.write(chunked ? encodeChunk(chunk) : chunk)
  }
  if (chunked) await writer.write(LAST_CHUNK)
}

async function hijacked(
  reader: ByteReader,
  writer: Writer,
  head: RequestHead,
  response: EngineResponse,
  upgrade: (connection: Duplex) => Promise<void>,
): Promise<void> {
  const asked = head.headers['upgrade']
  const start = asked === undefined ? 'HTTP/1.1 200 OK' : 'HTTP/1.1 101 UPGRADED'
  const headers =
    asked === undefined
      ? response.headers
      : { ...response.headers, connection: 'Upgrade', upgrade: asked }
  await writer.write(formatHead(start, headers))
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => writer.write(chunk),
    close: () => writer.close(),
    abort: (reason) => writer.abort(reason),
  })
  await upgrade({ readable: reader.rest(), writable })
}

async function writeBadRequest(writer: Writer, message: string): Promise<void> {
  const body = new TextEncoder().encode(JSON.stringify({ message }))
  const headers = {
    'content-type': 'application/json',
    'content-length': String(body.length),
    connection: 'close',
  }
  await writer.write(formatHead(`HTTP/1.1 ${statusOf['invalid-parameter']} Bad Request`, headers))
  await writer.write(body)
}

const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  206: 'Partial Content',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
}
