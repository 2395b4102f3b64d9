import { chmodSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { serveConnection } from '../../codec/http/server.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import { socketDuplex } from './socket-duplex.ts'
import { removeStale } from './unix-socket.ts'

export type Address = { readonly path: string } | { readonly host: string; readonly port: number }

/** A listening engine. Disposing it ends every connection and removes the socket's file. */
export interface Listening extends AsyncDisposable {
  /** As clients give it in DOCKER_HOST. */
  readonly address: string
}

/**
 * Serve an engine on a unix socket or a loopback port.
 * @throws EngineError `conflict` when another engine listens there, `invalid-parameter` when it can't be listened on
 */
export async function listen(
  address: Address,
  handler: EngineHandler,
  requestId: () => string,
): Promise<Listening> {
  if ('path' in address && !(await removeStale(address.path))) {
    throw new EngineError(
      'conflict',
      `Cannot listen on ${address.path}: another engine answers there`,
    )
  }
  const stop = new AbortController()
  const connections = new Set<Promise<void>>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const served = serveConnection(socketDuplex(socket), handler, {
      signal: stop.signal,
      requestId,
    }).finally(() => {
      connections.delete(served)
      socket.destroySoon()
    })
    connections.add(served)
  })
  await started(server, address)
  return {
    address: 'path' in address ? `unix://${address.path}` : tcpAddress(server),
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      stop.abort(new EngineError('unavailable', 'the engine is stopping'))
      await Promise.all(connections)
      await closed
    },
  }
}

function started(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const where = 'path' in address ? address.path : `${address.host}:${address.port}`
    server.once('error', (cause) =>
      reject(
        new EngineError('invalid-parameter', `Cannot listen on ${where}: ${cause.message}`, {
          cause,
        }),
      ),
    )
    server.listen(address, () => {
      // Whoever can write to the socket is root in every container.
      if ('path' in address) chmodSync(address.path, 0o600)
      resolve()
    })
  })
}

function tcpAddress(server: Server): string {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the server has no port')
  return `tcp://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
}
