import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { Duplex as NodeDuplex } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { HttpClient } from '../../../codec/http/client.ts'
import { CookieJar } from '../../../codec/http/cookies.ts'
import type { Duplex } from '../../../core/duplex.ts'
import { EngineError } from '../../../core/error.ts'
import { OPEN_MAX, WINDOW, type PreviewAnswer } from '../../../link/preview.ts'
import { PreviewChannel } from './channel.ts'
import { requestHeaders } from './headers.ts'
import type { OpenPort } from './open-port.ts'

// The engine's worker against a real HTTP server, with a service worker that says whatever it likes.

let server: Server
let handle: (request: IncomingMessage, response: ServerResponse) => void = (_, response) =>
  response.end()
const cleanups: (() => void)[] = []

beforeAll(async () => {
  server = createServer((request, response) => handle(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean()
})

async function dial(): Promise<Duplex> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  return NodeDuplex.toWeb(socket) as unknown as Duplex
}

function open(how: () => Promise<Duplex> = dial): {
  readonly send: (message: unknown, transfer?: ArrayBuffer[]) => void
  readonly answer: (match: (answer: PreviewAnswer) => boolean) => Promise<PreviewAnswer>
  readonly channel: PreviewChannel
  readonly closed: Promise<unknown>
  readonly target: OpenPort
} {
  const { port1, port2 } = new MessageChannel()
  const http = new HttpClient({
    dial: how,
    connections: 8,
    waiting: 8,
    idle: 2,
    now: () => performance.now(),
  })
  const target: OpenPort = {
    port: 8080,
    container: 'web',
    http,
    jar: new CookieJar(() => Date.now()),
    dial: how,
  }
  const channel = new PreviewChannel(8080, port1, () => target, new Set())
  const answers: PreviewAnswer[] = []
  let wake = (): void => undefined
  port2.addEventListener('message', ({ data }: MessageEvent<PreviewAnswer>) => {
    answers.push(data)
    wake()
  })
  const closed = new Promise((resolve) => port2.addEventListener('close', resolve))
  port2.start()
  cleanups.push(() => {
    channel[Symbol.dispose]()
    http[Symbol.dispose]()
    port2.close()
  })
  return {
    send: (message, transfer = []) => port2.postMessage(message, transfer),
    answer: async (match) => {
      for (;;) {
        const found = answers.find(match)
        if (found) return found
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    channel,
    closed,
    target,
  }
}

const get = {
  kind: 'req',
  id: 1,
  method: 'GET',
  path: '/',
  headers: [],
  credentials: true,
  hasBody: false,
}

describe('requests', () => {
  test('carry what a browser at localhost would send, and nothing that the page made up', async () => {
    const { send, answer } = open()
    const seen = new Promise<IncomingMessage['headers']>((resolve) => {
      handle = (request, response) => {
        resolve(request.headers)
        response.setHeader('set-cookie', ['a=1; Path=/', 'b=2; HttpOnly; Path=/'])
        response.end('body')
      }
    })
    send({
      ...get,
      method: 'POST',
      referrer: '/page?x',
      headers: [
        ['X-Own', 'kept'],
        ['Host', 'evil'],
        ['Cookie', 'evil=1'],
        ['Origin', 'http://evil'],
      ],
    })
    expect(await seen).toEqual({
      host: 'localhost:8080',
      connection: 'keep-alive',
      'content-length': '0',
      'x-own': 'kept',
      'accept-encoding': 'identity',
      origin: 'http://localhost:8080',
      referer: 'http://localhost:8080/page?x',
    })
    const head = await answer(({ kind }) => kind === 'head')
    expect(head).toMatchObject({
      status: 200,
      cookies: [['a', '1', '/']],
      cookiesChanged: true,
      hasBody: false,
    })
    expect(JSON.stringify(head)).not.toContain('HttpOnly')
    // A small body comes with its head.
    const { whole } = head as Extract<PreviewAnswer, { kind: 'head' }>
    expect(new TextDecoder().decode(whole)).toBe('body')

    const cookies = new Promise<string | undefined>((resolve) => {
      handle = (request, response) => {
        resolve(request.headers.cookie)
        response.end()
      }
    })
    send({ ...get, id: 2 })
    expect(await cookies).toBe('a=1; b=2')
  })

  test('an answer stops at its window until credit comes', async () => {
    const { send, answer } = open()
    handle = (_, response) => void response.end(Buffer.alloc(3 * WINDOW, 'x'))
    send(get)
    let received = 0
    const seen = new Set<PreviewAnswer>()
    for (;;) {
      const next = await answer((candidate) => candidate.kind !== 'head' && !seen.has(candidate))
      seen.add(next)
      if (next.kind !== 'chunk') break
      received += next.bytes.byteLength
      send({ kind: 'credit', id: 1, bytes: next.bytes.byteLength })
    }
    expect(received).toBe(3 * WINDOW)
  })

  test('without credit no more than a window comes', async () => {
    const { send, answer, channel } = open()
    handle = (_, response) => void response.end(Buffer.alloc(3 * WINDOW, 'x'))
    send(get)
    let received = 0
    const counted = new Set<PreviewAnswer>()
    await answer((candidate) => {
      if (candidate.kind === 'chunk' && !counted.has(candidate)) {
        counted.add(candidate)
        received += candidate.bytes.byteLength
      }
      return received >= WINDOW
    })
    // A second request is served meanwhile; it would come behind chunks that should not be there.
    handle = (_, response) => void response.end()
    send({ ...get, id: 2 })
    await answer((found) => found.kind === 'head' && found.id === 2)
    expect(counted.size).toBeGreaterThan(3)
    expect(received).toBeLessThanOrEqual(WINDOW + 65_536)
    expect(channel.open).toBeGreaterThan(0)
  })

  test('an upload is credited as the server takes it', async () => {
    const { send, answer } = open()
    const body = new Promise<number>((resolve) => {
      handle = (request, response) => {
        let size = 0
        request.on('data', (chunk: Buffer) => void (size += chunk.length))
        request.on('end', () => {
          resolve(size)
          response.end()
        })
      }
    })
    send({ ...get, method: 'POST', hasBody: true, length: 200_000 })
    send({ kind: 'body', id: 1, bytes: new ArrayBuffer(200_000) })
    send({ kind: 'bodyend', id: 1 })
    expect(await body).toBe(200_000)
    expect(await answer(({ kind }) => kind === 'credit')).toMatchObject({ bytes: 200_000 })
    await answer(({ kind }) => kind === 'head')
  })

  test('a cancelled one closes its connection', async () => {
    const { send, target } = open()
    const gone = new Promise((resolve) => {
      handle = (request) => {
        request.socket.once('close', resolve)
        send({ kind: 'cancel', id: 1 })
      }
    })
    send(get)
    await gone
    expect(target.http.open).toBe(0)
  })

  test.each([
    ['connection refused', 'refused', /Nothing listens.*“web”/],
    ['no route to host', 'broken', /no route to host/],
  ])('a port with %s is told as %s', async (reason, failure, message) => {
    const { send, answer } = open(() => Promise.reject(new EngineError('internal', reason)))
    send(get)
    const error = await answer(({ kind }) => kind === 'err')
    expect(error).toMatchObject({ failure, message: expect.stringMatching(message) as unknown })
  })
})

describe('a hostile sender', () => {
  test.each([
    ['nothing', undefined],
    ['text', 'req'],
    ['an unknown kind', { kind: 'exec', id: 1 }],
    ['an id that is no number', { ...get, id: '1' }],
    ['headers that are none', { ...get, headers: 'x' }],
    ['too many headers', { ...get, headers: Array.from({ length: 300 }, () => ['a', 'b']) }],
    ['a chunk that is too large', { kind: 'body', id: 1, bytes: new ArrayBuffer(300_000) }],
    ['a chunk that is none', { kind: 'body', id: 1, bytes: 5 }],
    ['credit that is none', { kind: 'credit', id: 1, bytes: -1 }],
    ['a WebSocket without a port', { kind: 'websocket', path: '/', protocols: [] }],
    [
      'a WebSocket’s path with a line break',
      { kind: 'websocket', path: '/\r\nX: y', protocols: [] },
    ],
    ['a huge cookie', { kind: 'cookie', text: 'x'.repeat(10_000), path: '/' }],
  ])('who sends %s is cut off', async (_, message) => {
    const { send, closed } = open()
    send(message)
    await closed
  })

  test.each([
    ['a path with a line break', { path: '/ HTTP/1.1\r\nX: y' }],
    ['a path that is another host', { path: 'http://evil/' }],
    ['a method with a space', { method: 'GET /x' }],
    ['CONNECT', { method: 'CONNECT' }],
    ['a header’s name with a line break', { headers: [['x\r\ny', 'z']] }],
    ['a header’s value with a line break', { headers: [['x', 'a\r\nb: c']] }],
    [
      'too much of headers',
      { headers: Array.from({ length: 50 }, (_, n) => [`x${n}`, 'y'.repeat(2000)]) },
    ],
  ])('%s does not reach the server', async (_, more) => {
    const { send, answer } = open(() => Promise.reject(new Error('dialled')))
    send({ ...get, ...more })
    expect(await answer(({ kind }) => kind === 'err')).not.toMatchObject({
      message: expect.stringContaining('dialled') as unknown,
    })
  })

  test('who uploads beyond the window is cut off', async () => {
    const { send, closed } = open(() => new Promise(() => undefined))
    send({ ...get, method: 'POST', hasBody: true })
    for (let sent = 0; sent <= WINDOW; sent += 262_144) {
      send({ kind: 'body', id: 1, bytes: new ArrayBuffer(262_144) })
    }
    await closed
  })

  test('who opens too many requests gets them refused, each', async () => {
    const { send, answer, channel } = open(() => new Promise(() => undefined))
    for (let id = 1; id <= OPEN_MAX + 50; id++) send({ ...get, id })
    await answer((found) => found.kind === 'err' && found.id === OPEN_MAX + 50)
    expect(channel.open).toBeLessThanOrEqual(OPEN_MAX)
  })

  test('an id twice is the end', async () => {
    const { send, closed } = open(() => new Promise(() => undefined))
    send(get)
    send(get)
    await closed
  })
})

test('port 80 has no number in its name', () =>
  expect(requestHeaders({ method: 'GET', headers: [] }, 80, '')['host']).toBe('localhost'))
