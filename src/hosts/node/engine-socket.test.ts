import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ApiClient, streamOf, textOf } from '../../client/api-client.ts'
import type { EngineHandler } from '../../core/engine-http.ts'
import { engineSocket } from './engine-socket.ts'
import { listen, type Listening } from './listen.ts'

const folder = mkdtempSync(join(tmpdir(), 'drydock-socket-'))
const open: Listening[] = []
afterEach(async () => {
  for (const listening of open.splice(0)) await listening[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** The handler behind a loopback port, and a client of it. */
async function clientOf(handler: EngineHandler): Promise<ApiClient> {
  const listening = await listen({ host: '127.0.0.1', port: 0 }, handler, () => 'test')
  open.push(listening)
  return new ApiClient(engineSocket(listening.address))
}

const encoder = new TextEncoder()
const ping = { status: 200, headers: { 'api-version': '1.44' } }

test('negotiates the version, sends a body in chunks, reads the answer', async () => {
  const seen: string[] = []
  const client = await clientOf(async (request) => {
    seen.push(`${request.method} ${request.path} [${await textOf(request.body)}]`)
    if (request.path === '/_ping') return ping
    return { status: 200, headers: {}, body: streamOf(encoder.encode('{"a":1}')) }
  })
  expect(await client.json('POST', '/x', { query: { b: true, a: 'ü' }, json: { n: 1 } })).toEqual({
    a: 1,
  })
  await client.call('PUT', '/y', { body: streamOf(encoder.encode('streamed')) })
  expect(seen).toEqual([
    'HEAD /_ping []',
    'POST /v1.44/x?a=%C3%BC&b=1 [{"n":1}]',
    'PUT /v1.44/y [streamed]',
  ])
})

test('a refusal carries Docker’s sentence, and nobody there is told', async () => {
  const client = await clientOf((request) =>
    Promise.resolve(
      request.path === '/_ping'
        ? ping
        : {
            status: 409,
            headers: { 'content-type': 'application/json' },
            body: streamOf(encoder.encode('{"message":"name is taken"}')),
          },
    ),
  )
  await expect(client.call('POST', '/x')).rejects.toMatchObject({
    status: 409,
    message: 'Error response from daemon: name is taken',
  })
  await expect(new ApiClient(engineSocket(`unix://${folder}/none`)).ping()).rejects.toThrow(
    `Cannot connect to the Docker daemon at unix://${folder}/none. Is the docker daemon running?`,
  )
  expect(() => engineSocket('nonsense')).toThrow('unable to parse docker host `nonsense`')
})

test('takes over a connection: both directions, half-close, and the end', async () => {
  const client = await clientOf((request) =>
    Promise.resolve(
      request.path === '/_ping'
        ? ping
        : {
            status: 101,
            headers: { 'content-type': 'application/vnd.docker.raw-stream' },
            upgrade: async (connection) => {
              const text = await textOf(connection.readable)
              const writer = connection.writable.getWriter()
              await writer.write(encoder.encode(text.toUpperCase()))
              await writer.close()
            },
          },
    ),
  )
  const { connection, raw } = await client.hijack('/attach')
  expect(raw).toBe(true)
  const writer = connection.writable.getWriter()
  await writer.write(encoder.encode('typed'))
  await writer.close()
  expect(await textOf(connection.readable)).toBe('TYPED')
})

test('an abort breaks the connection, and the engine notices', async () => {
  let noticed: () => void = () => undefined
  const gone = new Promise<void>((resolve) => {
    noticed = resolve
  })
  const client = await clientOf((request) => {
    if (request.path === '/_ping') return Promise.resolve(ping)
    const body = new ReadableStream<Uint8Array>({
      start: (control) => {
        control.enqueue(encoder.encode('first\n'))
        request.signal.addEventListener('abort', () => {
          control.close()
          noticed()
        })
      },
    })
    return Promise.resolve({ status: 200, headers: {}, body })
  })
  const stop = new AbortController()
  const body = await client.stream('GET', '/events', { signal: stop.signal })
  const reader = body.getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('first\n')
  const next = reader.read()
  stop.abort(new Error('enough'))
  await expect(next).rejects.toThrow('enough')
  await gone
})

test('a body that can’t be read to its end fails the request with its reason', async () => {
  const client = await clientOf(async (request) => {
    if (request.path === '/_ping') return ping
    await textOf(request.body).catch(() => '')
    return ping
  })
  const body = new ReadableStream<Uint8Array>({
    pull: (control) => control.error(new Error('no such file')),
  })
  await expect(client.call('PUT', '/y', { body })).rejects.toThrow('no such file')
})
