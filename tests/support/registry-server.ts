import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeStream } from 'node:stream/web'
import type { ImageRegistry } from './image-registry.ts'

export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:40001` */
  readonly name: string
}

/** A registry that real clients and engines reach, on a free port of the loopback. */
export async function serveRegistry(registry: ImageRegistry): Promise<RegistryServer> {
  const server = createServer((request, response) => {
    // A client that leaves ends its answer, no more.
    answer(registry, request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    name: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function answer(
  registry: ImageRegistry,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, headers, body } = await registry.send({
    registry: 'loopback',
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    path: request.url ?? '/',
    headers: {},
  })
  response.writeHead(status, headers)
  await pipeline(Readable.fromWeb(body as NodeStream<Uint8Array>), response)
}
