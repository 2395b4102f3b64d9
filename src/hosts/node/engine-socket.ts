import { connect, type Socket } from 'node:net'
import { cannotConnect } from '../../client/client-error.ts'
import { HttpConnection } from '../../codec/http/connection.ts'
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
  const { method, path, body, signal } = request
  const { 'content-length': length, ...headers } = request.headers
  const connection = new HttpConnection(socketDuplex(socket), {
    onIdle: () => connection.close(),
    onClosed: () => undefined,
  })
  const answer = await connection.request(
    {
      method,
      target: path,
      headers: headers['upgrade'] === undefined ? { ...headers, connection: 'close' } : headers,
      ...(body && { body }),
      ...(length !== undefined && { bodyLength: Number(length) }),
    },
    signal,
  )
  const { upgraded } = answer
  return {
    status: answer.status,
    headers: answer.headers,
    ...(answer.body && { body: answer.body }),
    ...(upgraded && { upgrade: (user) => join(user, upgraded) }),
  }
}

/** Both directions until the engine has ended its own; the user's end is a half-close. */
async function join(user: Duplex, engine: Duplex): Promise<void> {
  // What a user still types when the engine has gone is lost.
  user.readable.pipeTo(engine.writable).catch(() => undefined)
  await engine.readable.pipeTo(user.writable)
  await engine.writable.abort().catch(() => undefined)
}
