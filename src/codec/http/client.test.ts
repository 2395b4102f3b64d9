import { afterEach, describe, expect, test } from 'vitest'
import type { Duplex } from '../../core/duplex.ts'
import { HttpClient } from './client.ts'
import type { HttpRequest, HttpResponse } from './connection.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('latin1')

/** One connection's server side, driven by the test. */
class Peer {
  received = ''
  readonly duplex: Duplex
  readonly #out: WritableStreamDefaultWriter<Uint8Array>
  #wake: () => void = () => undefined
  closed = false

  constructor() {
    const toClient = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 64 })
    this.#out = toClient.writable.getWriter()
    this.#out.closed.catch(() => undefined)
    this.duplex = {
      readable: toClient.readable,
      writable: new WritableStream<Uint8Array>({
        write: (chunk) => {
          this.received += decoder.decode(chunk)
          this.#wake()
        },
        abort: () => {
          this.closed = true
          this.#wake()
        },
      }),
    }
  }

  say(text: string): void {
    this.#out.write(encoder.encode(text)).catch(() => undefined)
  }

  end(): void {
    this.#out.close().catch(() => undefined)
  }

  async until(text: string): Promise<void> {
    while (!this.received.includes(text) && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

const clients: HttpClient[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client[Symbol.dispose]()
})

function open(limits: { connections?: number; waiting?: number; idle?: number } = {}): {
  client: HttpClient
  peers: Peer[]
  ask: (request?: Partial<HttpRequest>, signal?: AbortSignal) => Promise<HttpResponse>
} {
  const peers: Peer[] = []
  const client = new HttpClient({
    connections: 4,
    waiting: 4,
    idle: 2,
    ...limits,
    dial: async () => {
      const peer = new Peer()
      peers.push(peer)
      return peer.duplex
    },
    now: () => performance.now(),
  })
  clients.push(client)
  const ask = (
    request: Partial<HttpRequest> = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<HttpResponse> =>
    client.request({ method: 'GET', target: '/', headers: { host: 'x' }, ...request }, signal)
  return { client, peers, ask }
}

const peerOf = async (peers: Peer[], index: number): Promise<Peer> => {
  while (!peers[index]) await new Promise((resolve) => setImmediate(resolve))
  return peers[index]
}

const textOf = (response: HttpResponse): Promise<string> =>
  new Response(response.body ?? null).text()

describe('answers', () => {
  test.each([
    ['Content-Length: 5\r\n\r\nhello', 'hello'],
    [
      'Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n',
      'hello',
    ],
    ['Content-Length: 0\r\n\r\n', ''],
  ])('%j, and the connection is kept', async (answer, text) => {
    const { peers, ask, client } = open()
    for (let round = 0; round < 3; round++) {
      const asked = ask()
      const peer = await peerOf(peers, 0)
      peer.say(`HTTP/1.1 200 OK\r\n${answer}`)
      expect(await textOf(await asked)).toBe(text)
    }
    expect([peers.length, client.open]).toEqual([1, 1])
  })

  test('until the connection closes', async () => {
    const { peers, ask, client } = open()
    const asked = ask()
    const peer = await peerOf(peers, 0)
    peer.say('HTTP/1.0 200 OK\r\n\r\nall of ')
    peer.say('it')
    peer.end()
    expect(await textOf(await asked)).toBe('all of it')
    expect(client.open).toBe(0)
  })

  test.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
  ])('%s: %j has no body, and the connection is kept', async (method, answer) => {
    const { peers, ask, client } = open()
    const asked = ask({ method })
    ;(await peerOf(peers, 0)).say(answer)
    expect((await asked).body).toBeUndefined()
    expect(client.open).toBe(1)
  })

  test('interim answers are passed over, cookies kept apart', async () => {
    const { peers, ask } = open()
    const asked = ask()
    const peer = await peerOf(peers, 0)
    peer.say('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n')
    peer.say(
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1, b\r\nSet-Cookie: c=2\r\nVia: x\r\nVia: y\r\nContent-Length: 0\r\n\r\n',
    )
    const { headers } = await asked
    expect([headers['set-cookie'], headers['via']]).toEqual(['a=1, b\nc=2', 'x, y'])
  })

  test('an upgrade gives the connection with what came behind the head', async () => {
    const { peers, ask } = open()
    const asked = ask({ headers: { host: 'x', upgrade: 'raw' } })
    const peer = await peerOf(peers, 0)
    peer.say('HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\n\r\nfirst')
    const { upgraded } = await asked
    const writer = upgraded?.writable.getWriter()
    await writer?.write(encoder.encode('to server'))
    await peer.until('to server')
    peer.end()
    expect(await new Response(upgraded?.readable).text()).toBe('first')
  })

  // A hostile server: each is an error, and the connection is gone.
  test.each([
    ['SSH-2.0-OpenSSH\r\n\r\n', 'malformed HTTP response'],
    ['HTTP/1.1 200 OK\r\nno colon\r\n\r\n', 'malformed header line'],
    [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}`, 'too large'],
    ['HTTP/1.1 101 Switching\r\n\r\n', 'nobody asked'],
    ['HTTP/1.1 099 Low\r\n\r\n', 'answer of 99'],
    ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(30), 'answer of 100'],
    ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'bad Content-Length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'repeated'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n', 'unsupported transfer encoding'],
  ])('%j is refused', async (answer, message) => {
    const { peers, ask, client } = open()
    const asked = ask()
    ;(await peerOf(peers, 0)).say(answer)
    await expect(asked).rejects.toThrow(message)
    expect(client.open).toBe(0)
  })

  test.each([
    'Content-Length: 9\r\n\r\ncut',
    'Transfer-Encoding: chunked\r\n\r\n9\r\ncut',
    'Transfer-Encoding: chunked\r\n\r\nnonsense\r\n',
    'Transfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n',
  ])('a body that breaks off (%j) is an error, not an end', async (answer) => {
    const { peers, ask, client } = open()
    const asked = ask()
    const peer = await peerOf(peers, 0)
    peer.say(`HTTP/1.1 200 OK\r\n${answer}`)
    peer.end()
    await expect(asked.then(textOf)).rejects.toThrow()
    expect(client.open).toBe(0)
  })

  test('noise is an error', async () => {
    let seed = 3
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647)
    const letters = 'HTP/1. 20OK\r\n\r\n:xContent-Length:Transfer-Encoding: chunked5\u{0}\u{ff}'
    for (let round = 0; round < 300; round++) {
      const { peers, ask } = open()
      const asked = ask().then(textOf)
      const peer = await peerOf(peers, 0)
      const start = [
        '',
        'HTTP/1.1 200 OK\r\n',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      ][round % 3]
      const noise = Array.from({ length: 60 }, () => letters[random() % letters.length]).join('')
      peer.say(`${start ?? ''}${noise}`)
      peer.end()
      await asked.catch((error: unknown) => expect(error).toBeInstanceOf(Error))
    }
  })
})

describe('requests', () => {
  test('a body of known length, and one in chunks', async () => {
    const { peers, ask } = open()
    for (const more of [{ bodyLength: 4 }, {}]) {
      const body = new Response('data').body as ReadableStream<Uint8Array>
      const asked = ask({ method: 'POST', body, ...more })
      const peer = await peerOf(peers, 0)
      await peer.until('bodyLength' in more ? '\r\n\r\ndata' : '4\r\ndata\r\n0\r\n\r\n')
      peer.say('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      await asked
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(peers).toHaveLength(1)
    expect(peers[0]?.received).toContain('Content-Length: 4')
    expect(peers[0]?.received).toContain('Transfer-Encoding: chunked')
  })

  test('a body that breaks off closes the connection', async () => {
    const { ask, client } = open()
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('the file is gone')),
    })
    await expect(ask({ method: 'PUT', body, bodyLength: 10 })).rejects.toThrow('the file is gone')
    expect(client.open).toBe(0)
  })

  test('an answer before the end of the request counts; the rest is not sent', async () => {
    const { peers, ask, client } = open()
    let cancelled = false
    const body = new ReadableStream<Uint8Array>(
      { cancel: () => void (cancelled = true) },
      { highWaterMark: 0 },
    )
    const asked = ask({ method: 'POST', body })
    const peer = await peerOf(peers, 0)
    peer.say('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n')
    expect((await asked).status).toBe(413)
    expect(client.open).toBe(0)
    expect(cancelled).toBe(false)
  })

  test('an abort closes the connection, before the answer and within it', async () => {
    const { peers, ask, client } = open()
    for (const late of [false, true]) {
      const stop = new AbortController()
      const asked = ask({}, stop.signal)
      const peer = await peerOf(peers, late ? 1 : 0)
      await peer.until('\r\n\r\n')
      if (late) {
        peer.say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')
        const response = await asked
        stop.abort(new Error('left'))
        await expect(textOf(response)).rejects.toThrow()
      } else {
        stop.abort(new Error('left'))
        await expect(asked).rejects.toThrow('left')
      }
      expect([client.open, peer.closed]).toEqual([0, true])
    }
  })
})

describe('kept connections', () => {
  const empty = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

  test('one that the server closed meanwhile is replaced, and a GET is sent again', async () => {
    const { peers, ask } = open()
    const first = ask()
    const one = await peerOf(peers, 0)
    one.say(empty)
    await first
    const second = ask()
    await one.until('\r\n\r\nGET')
    one.end()
    const two = await peerOf(peers, 1)
    two.say(empty)
    expect((await second).status).toBe(200)
  })

  test('a POST is not sent again', async () => {
    const { peers, ask } = open()
    const first = ask()
    const one = await peerOf(peers, 0)
    one.say(empty)
    await first
    const second = ask({ method: 'POST' })
    await one.until('POST')
    one.end()
    await expect(second).rejects.toThrow('without an answer')
  })

  test('bytes that nobody asked for close it', async () => {
    const { peers, ask, client } = open()
    const first = ask()
    const one = await peerOf(peers, 0)
    one.say(empty)
    await first
    one.say('surprise')
    while (client.open > 0) await new Promise((resolve) => setImmediate(resolve))
    expect(one.closed).toBe(true)
  })

  test('as many connections as allowed; the next waits, those beyond are refused', async () => {
    const { peers, ask } = open({ connections: 2, waiting: 1 })
    const asked = [ask(), ask(), ask()]
    await peerOf(peers, 1)
    await expect(ask()).rejects.toThrow('Too many requests')
    ;(await peerOf(peers, 0)).say(empty)
    await asked[0]
    await peers[0]?.until('\r\n\r\nGET')
    peers[0]?.say(empty)
    peers[1]?.say(empty)
    await Promise.all(asked)
    expect(peers).toHaveLength(2)
  })

  test('idle ones are closed when told', async () => {
    const { peers, ask, client } = open()
    const first = ask()
    ;(await peerOf(peers, 0)).say(empty)
    await first
    client.closeIdle(1_000_000)
    expect(client.open).toBe(1)
    client.closeIdle(0)
    expect(client.open).toBe(0)
  })
})
