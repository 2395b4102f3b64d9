import { connect, type Socket } from 'node:net'
import { cannotConnect } from '../../client/client-error.ts'
import {
  bodyBytes,
  encodeChunk,
  framingOf,
  LAST_CHUNK,
  type Framing,
} from '../../codec/http/body.ts'
import { ByteReader } from '../../codec/http/byte-reader.ts'
import { formatHead, parseResponseHead, type ResponseHead } from '../../codec/http/head.ts'
import type { Duplex } from '../../core/duplex.ts'
import type { EngineHandler, EngineRequest, EngineResponse } from '../../core/engine-http.ts'
import { socketDuplex } from './socket-duplex.ts'

/**
 * Any Docker Engine behind a socket, a connection per request.
 * @param address as in DOCKER_HOST: `unix:///var/run/docker.sock`, `tcp://127.0.0.1:2375`
 * @throws ClientError from a request when nobody answers; Error for an address that can't be
 */
export function engineSocket(address: string): EngineHandler {
  const target = targetOf(address)
  return async (request) => {
    const socket = await opened(target, address)
    const abort = (): void => void socket.destroy()
    request.signal.addEventListener('abort', abort, { once: true })
    socket.once('close', () => request.signal.removeEventListener('abort', abort))
    try {
      if (request.signal.aborted) throw request.signal.reason
      return await exchange(request, socket)
    } catch (error) {
      socket.destroy()
      throw request.signal.aborted ? request.signal.reason : error
    }
  }
}

type Target = { readonly path: string } | { readonly host: string; readonly port: number }

function targetOf(address: string): Target {
  const path = /^unix:\/\/(.+)$/.exec(address)?.[1]
  if (path !== undefined) return { path }
  const [, host, port] = /^(?:tcp|http):\/\/(.+?)(?::(\d+))?\/?$/.exec(address) ?? []
  if (host === undefined) throw new Error(`unable to parse docker host \`${address}\``)
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? 2375) }
}

const opened = (target: Target, address: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ ...target, allowHalfOpen: true })
    socket.once('error', (cause) => reject(cannotConnect(address, cause)))
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      if ('host' in target) socket.setNoDelay(true)
      resolve(socket)
    })
  })

async function exchange(request: EngineRequest, socket: Socket): Promise<EngineResponse> {
  const connection = socketDuplex(socket)
  const reader = new ByteReader(connection.readable)
  const hijack = request.headers['upgrade'] !== undefined
  const sent = send(request, connection, hijack, (error) => socket.destroy(error))
  // An engine may refuse before it has read the whole body.
  sent.catch(() => undefined)
  const head = await readHead(reader)
  const framing = framingOf(head.headers, 'until-close')
  if (head.status === 101 || (hijack && head.status === 200)) {
    await sent
    return {
      status: head.status,
      headers: head.headers,
      upgrade: (user) => join(user, connection, reader),
    }
  }
  const bare = request.method === 'HEAD' || head.status === 204 || head.status === 304
  if (bare || framing.kind === 'none') {
    socket.destroy()
    return { status: head.status, headers: head.headers }
  }
  return {
    status: head.status,
    headers: head.headers,
    body: responseBody(reader, framing, socket, request.signal),
  }
}

/** @param breakOff the body can't be read to its end: the engine must not wait for the rest */
async function send(
  request: EngineRequest,
  connection: Duplex,
  hijack: boolean,
  breakOff: (error: Error) => void,
): Promise<void> {
  const body = request.body && wholeOr(request.body, breakOff)
  const chunked = body !== undefined && request.headers['content-length'] === undefined
  const headers = {
    ...request.headers,
    ...(hijack ? {} : { connection: 'close' }),
    ...(chunked && { 'transfer-encoding': 'chunked' }),
    ...(body === undefined && request.method === 'POST' && { 'content-length': '0' }),
  }
  const writer = connection.writable.getWriter()
  try {
    await writer.write(formatHead(`${request.method} ${request.path} HTTP/1.1`, headers))
    if (body === undefined) return
    for await (const bytes of body) {
      if (bytes.length > 0) await writer.write(chunked ? encodeChunk(bytes) : bytes)
    }
    if (chunked) await writer.write(LAST_CHUNK)
  } finally {
    writer.releaseLock()
  }
}

async function* wholeOr(
  body: ReadableStream<Uint8Array>,
  breakOff: (error: Error) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    breakOff(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

/** The final head; those before it (100 Continue) are dropped. */
async function readHead(reader: ByteReader): Promise<ResponseHead> {
  for (;;) {
    const bytes = await reader.readHead()
    if (bytes === undefined) throw new Error('the engine closed the connection before it answered')
    const head = parseResponseHead(bytes)
    if (head.status >= 200 || head.status === 101) return head
  }
}

function responseBody(
  reader: ByteReader,
  framing: Framing,
  socket: Socket,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const bytes = bodyBytes(reader, framing)
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await bytes.next().catch((error: unknown) => {
          throw signal.aborted ? signal.reason : error
        })
        if (done !== true) {
          controller.enqueue(value)
          return
        }
        controller.close()
        socket.destroy()
      },
      cancel: () => void socket.destroy(),
    },
    { highWaterMark: 0 },
  )
}

/** Both directions until the engine has ended its own; the user's end is a half-close. */
async function join(user: Duplex, connection: Duplex, reader: ByteReader): Promise<void> {
  // What a user still types when the engine has gone is lost.
  user.readable.pipeTo(connection.writable).catch(() => undefined)
  await reader.rest().pipeTo(user.writable)
  await connection.writable.abort().catch(() => undefined)
}
