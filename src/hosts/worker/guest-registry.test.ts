import { expect, test } from 'vitest'
import { textOf } from '../../client/api-client.ts'
import { serveConnection } from '../../codec/http/server.ts'
import type { Duplex } from '../../core/duplex.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { registryOf } from './guest-registry.ts'

/** Networks where a registry listens on a port. */
function networksWith(
  port: number,
  handler: EngineHandler,
): Parameters<typeof registryOf>[0] & { readonly served: Promise<void>[] } {
  const served: Promise<void>[] = []
  return {
    served,
    dial: (target): Promise<Duplex> => {
      if (target.protocol !== 'tcp' || target.port !== port)
        return Promise.reject(new Error('connection refused'))
      const up = new TransformStream<Uint8Array, Uint8Array>()
      const down = new TransformStream<Uint8Array, Uint8Array>()
      served.push(
        serveConnection({ readable: up.readable, writable: down.writable }, handler, {
          signal: new AbortController().signal,
          requestId: () => 'test',
        }),
      )
      return Promise.resolve({ readable: down.readable, writable: up.writable })
    },
  }
}

const echo: EngineHandler = async ({ method, path, headers, body }) => {
  const text = await textOf(body)
  const said = `${method} ${path} ${headers['host']} ${headers['content-length']} ${text.length}`
  return {
    status: 201,
    headers: { 'x-said': said },
    ...(method !== 'HEAD' && { body: new Blob([said]).stream() }),
  }
}

const registry = 'localhost:5000'

test('a registry of the machine itself, a connection per request', async () => {
  const networks = networksWith(5000, echo)
  const send = registryOf(networks, registry)
  const ask = async (method: 'HEAD' | 'GET' | 'POST' | 'PUT', bytes?: number): Promise<string> => {
    const answer = await send?.({
      registry,
      method,
      path: '/v2/',
      headers: {},
      ...(bytes !== undefined && { body: new Uint8Array(bytes).fill(97) }),
    })
    const text = await textOf(answer?.body)
    return `${answer?.status} ${method === 'HEAD' ? answer?.headers['x-said'] : text}`
  }
  expect(await ask('HEAD')).toBe('201 HEAD /v2/ localhost:5000 undefined 0')
  expect(await ask('GET')).toBe('201 GET /v2/ localhost:5000 undefined 0')
  expect(await ask('POST')).toBe('201 POST /v2/ localhost:5000 0 0')
  // More than is sent at once.
  expect(await ask('PUT', 600_000)).toBe('201 PUT /v2/ localhost:5000 600000 600000')
  await Promise.all(networks.served)
  expect(networks.served).toHaveLength(4)
})

test('nobody listens; another machine', async () => {
  const networks = networksWith(5001, echo)
  await expect(
    registryOf(networks, registry)?.({ registry, method: 'GET', path: '/v2/', headers: {} }),
  ).rejects.toThrow(
    'Get "http://localhost:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused',
  )
  expect(registryOf(networks, 'ghcr.io')).toBeUndefined()
})
