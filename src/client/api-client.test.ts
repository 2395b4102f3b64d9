import { describe, expect, test } from 'vitest'
import type { EngineRequest, EngineResponse } from '../core/engine-http.ts'
import { EngineError } from '../core/error.ts'
import { ApiClient, filterText, streamOf, textOf, type Query } from './api-client.ts'
import { ClientError } from './client-error.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** An engine of API 1.51 that answers all but pings as it is told. */
function engine(answer: (request: EngineRequest) => EngineResponse | Promise<EngineResponse>) {
  const asked: EngineRequest[] = []
  const client = new ApiClient(async (request) => {
    asked.push(request)
    if (request.path === '/_ping') return { status: 200, headers: { 'api-version': '1.51' } }
    return answer(request)
  })
  return { client, asked }
}

const ok = (text = ''): EngineResponse => ({
  status: 200,
  headers: {},
  body: streamOf(bytes(text)),
})

describe('a request', () => {
  test.each<[Query, string]>([
    [{}, ''],
    [{ b: 'x', a: 1 }, '?a=1&b=x'],
    [{ all: true, size: false, limit: undefined }, '?all=1'],
    [{ name: ['one', 'two'] }, '?name=one&name=two'],
    [
      { filters: '{"label":{"a=b":true}}' },
      '?filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D',
    ],
    [{ t: 0, empty: '' }, '?empty=&t=0'],
  ])('%j is asked as %s', async (query, text) => {
    const { client, asked } = engine(() => ok())
    await client.call('GET', '/containers/json', { query })
    expect(asked[1]?.path).toBe(`/v1.51/containers/json${text}`)
  })

  test('speaks the older of both versions, and asks once', async () => {
    const paths: string[] = []
    const client = new ApiClient(async ({ path }) => {
      paths.push(path)
      return { status: 200, headers: path === '/_ping' ? { 'api-version': '1.24' } : {} }
    })
    await client.call('GET', '/info')
    await client.call('GET', '/info')
    expect(paths).toEqual(['/_ping', '/v1.24/info', '/v1.24/info'])
  })

  test('a ping that failed is asked again', async () => {
    let isUp = false
    const client = new ApiClient(async () => {
      if (!isUp) throw new Error('nobody there')
      return { status: 200, headers: { 'api-version': '1.50', ostype: 'linux' } }
    })
    await expect(client.ping()).rejects.toThrow('nobody there')
    isUp = true
    expect(await client.ping()).toEqual({ apiVersion: '1.50', osType: 'linux' })
  })

  test('JSON goes with its type and length in bytes', async () => {
    const { client, asked } = engine(() => ok())
    await client.call('POST', '/containers/create', { json: { Image: 'ü' } })
    expect(asked[1]?.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '14',
    })
    expect(await textOf(asked[1]?.body)).toBe('{"Image":"ü"}')
  })
})

test.each([
  [undefined, undefined],
  [{}, undefined],
  [{ label: ['a=b', 'c'], name: [] }, '{"label":{"a=b":true,"c":true},"name":{}}'],
])('filters %j are written as %s', (filters, text) => expect(filterText(filters)).toBe(text))

describe('a refusal', () => {
  const refuse = (status: number, body: string, type = 'application/json') =>
    engine(() => ({ status, headers: { 'content-type': type }, body: streamOf(bytes(body)) }))
      .client

  test.each<[number, string, string, string]>([
    [
      404,
      '{"message":"No such container: web"}',
      'application/json',
      'Error response from daemon: No such container: web',
    ],
    [500, '{"other":1}', 'application/json', 'Error response from daemon: {"other":1}'],
    [404, 'page not found\n', 'text/plain', 'Error response from daemon: page not found'],
    [400, '{"mess', 'application/json', 'Error reading the answer to GET /v1.51/x'],
    [
      502,
      '',
      'text/plain',
      'request returned 502 for API route and version /v1.51/x, check if the server supports the requested API version',
    ],
  ])('%i with %j of %s', async (status, body, type, message) => {
    const refused = refuse(status, body, type).call('GET', '/x')
    await expect(refused).rejects.toBeInstanceOf(ClientError)
    await expect(refused).rejects.toMatchObject({ status, message })
  })

  test('that an engine in the same process throws has its status', async () => {
    const { client } = engine(() => {
      throw new EngineError('conflict', 'is in use')
    })
    await expect(client.call('DELETE', '/x')).rejects.toMatchObject({
      status: 409,
      message: 'Error response from daemon: is in use',
    })
  })

  test('an answer that should be JSON and is not', async () => {
    await expect(engine(() => ok('<html>')).client.json('GET', '/x')).rejects.toMatchObject({
      status: 0,
      message: 'error reading the answer to GET /x',
    })
  })
})

describe('a body', () => {
  const cut = (text: string, size: number): EngineResponse => {
    const all = bytes(text)
    let start = 0
    return {
      status: 200,
      headers: {},
      body: new ReadableStream({
        pull: (controller) => {
          if (start >= all.length) controller.close()
          else controller.enqueue(all.subarray(start, (start += size)))
        },
      }),
    }
  }
  const collect = async <T>(stream: ReadableStream<T>): Promise<T[]> => {
    const values: T[] = []
    for await (const value of stream) values.push(value)
    return values
  }

  test.each([1, 2, 3, 7, 100])(
    'of JSON values and of lines, in pieces of %i bytes',
    async (size) => {
      const { client } = engine(() => cut('{"a":"ü"}\r\n\n{"b":[1,2]}', size))
      expect(await collect(await client.values('GET', '/x'))).toEqual([{ a: 'ü' }, { b: [1, 2] }])
      expect(await collect(await client.lines('GET', '/x'))).toEqual(['{"a":"ü"}', '{"b":[1,2]}'])
    },
  )

  test('that is not wanted is cancelled', async () => {
    let isCancelled = false
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) })
    await engine(() => ({ status: 200, headers: {}, body })).client.call('GET', '/x')
    expect(isCancelled).toBe(true)
  })
})

describe('a connection that is taken over', () => {
  const upgrading = (type: string, upgrade: NonNullable<EngineResponse['upgrade']>) =>
    engine(() => ({ status: 101, headers: { 'content-type': type }, upgrade })).client

  test('asks for it, and tells raw from multiplexed', async () => {
    const { client, asked } = engine(() => ({
      status: 101,
      headers: { 'content-type': 'application/vnd.docker.multiplexed-stream' },
      upgrade: ({ readable, writable }) => readable.pipeTo(writable),
    }))
    const { connection, raw } = await client.hijack('/x')
    expect(asked[1]).toMatchObject({
      method: 'POST',
      headers: { connection: 'Upgrade', upgrade: 'tcp' },
    })
    expect(raw).toBe(false)
    const writer = connection.writable.getWriter()
    void writer.write(bytes('there and back')).then(() => writer.close())
    expect(await textOf(connection.readable)).toBe('there and back')
  })

  test('an abort breaks it', async () => {
    const leave = new AbortController()
    const client = upgrading(
      'application/vnd.docker.raw-stream',
      () => new Promise(() => undefined),
    )
    const { connection, raw } = await client.hijack('/x', { signal: leave.signal })
    expect(raw).toBe(true)
    leave.abort(new Error('hung up'))
    await expect(textOf(connection.readable)).rejects.toThrow('hung up')
  })

  test('an engine that breaks it off tells why', async () => {
    const client = upgrading('', () => Promise.reject(new Error('the machine was lost')))
    const { connection } = await client.hijack('/x')
    await expect(textOf(connection.readable)).rejects.toThrow('the machine was lost')
  })

  test('an engine that answers without one is refused', async () => {
    await expect(engine(() => ok('text')).client.hijack('/x')).rejects.toThrow(
      'unable to upgrade to tcp, received 200',
    )
  })
})
