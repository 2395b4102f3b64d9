import { describe, expect, onTestFinished, test } from 'vitest'
import type { EngineHandler, EngineRequest } from '../../core/engine-http.ts'
import { EngineError } from '../../core/error.ts'
import { connectEngine } from '../../link/engine/client.ts'
import { CALLS_MAX, CHUNK_MAX, HEAD_MAX, WINDOW } from '../../link/engine/messages.ts'
import { EnginePort } from './engine-port.ts'

function connected(handler: EngineHandler) {
  const { port1, port2 } = new MessageChannel()
  let served = 0
  const port = new EnginePort(port1, handler, () => `served-${++served}`)
  const connection = connectEngine(port2)
  onTestFinished(() => connection[Symbol.dispose]())
  return { port, connection, ask: (part: Partial<EngineRequest>) => ask(connection.handler, part) }
}

const ask = (handler: EngineHandler, part: Partial<EngineRequest>) =>
  handler({
    method: 'GET',
    path: '/',
    headers: {},
    signal: new AbortController().signal,
    id: 'asked',
    ...part,
  })

const read = async (body: ReadableStream<Uint8Array> | undefined): Promise<Uint8Array> =>
  new Uint8Array(await new Response(body ?? null).arrayBuffer())

/** Numbers that are the same in every run. */
function* chance(seed: number): Generator<number, never> {
  for (let state = seed; ; state = (state * 1_103_515_245 + 12_345) % 2 ** 31) yield state / 2 ** 31
}

/** `bytes`, in pieces of any size from 1 byte to several windows. */
function inPieces(bytes: Uint8Array, seed: number): ReadableStream<Uint8Array> {
  const random = chance(seed)
  let start = 0
  return new ReadableStream({
    pull: (controller) => {
      if (start >= bytes.length) {
        controller.close()
        return
      }
      const size = Math.ceil(2 ** (random.next().value * 20))
      controller.enqueue(bytes.subarray(start, start + size))
      start += size
    },
  })
}

const noise = (size: number): Uint8Array => {
  const random = chance(size)
  return Uint8Array.from({ length: size }, () => random.next().value * 256)
}

/** A source without end that counts what was asked of it. */
function endless(size = 10_000) {
  const state = { produced: 0, cancelled: undefined as unknown }
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        state.produced += size
        controller.enqueue(new Uint8Array(size))
      },
      cancel: (reason) => {
        state.cancelled = reason
      },
    },
    { highWaterMark: 0 },
  )
  return { state, body }
}

/** A handler that never answers, and tells of its client's leaving. */
function waiting() {
  const gone: unknown[] = []
  const handler: EngineHandler = ({ signal }) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        gone.push(signal.reason)
        reject(signal.reason as Error)
      }),
    )
  return { gone, handler }
}

describe('a request and its answer', () => {
  test('cross as they are, under an id of the engine’s', async () => {
    const { ask: call } = connected(async ({ method, path, headers, id }) => ({
      status: 201,
      headers: { 'x-seen': JSON.stringify([method, path, headers, id]) },
    }))
    const answer = await call({
      method: 'POST',
      path: '/v1.51/a?b=%20',
      headers: { host: 'x' },
      id: 'mine',
    })
    expect(answer.status).toBe(201)
    expect(answer.body).toBeUndefined()
    expect(JSON.parse(answer.headers['x-seen'] ?? '')).toEqual([
      'POST',
      '/v1.51/a?b=%20',
      { host: 'x' },
      'served-1',
    ])
  })

  test.each([1, 2, 3, 4, 5, 6])('bodies are whole however they are cut (%i)', async (seed) => {
    const { ask: call } = connected(async ({ body }) => ({
      status: 200,
      headers: {},
      body: inPieces(await read(body), seed + 1),
    }))
    const bytes = noise(seed * 400_000)
    const { body } = await call({ method: 'PUT', body: inPieces(bytes, seed) })
    expect(Buffer.compare(await read(body), bytes)).toBe(0)
  })

  test('an EngineError keeps its code, another error its name', async () => {
    const errors = [new EngineError('conflict', 'is in use'), new RangeError('too far')]
    const { ask: call } = connected(async () => {
      throw errors.shift() ?? new Error('no more')
    })
    const first = await call({}).catch((error: unknown) => error)
    expect(first).toBeInstanceOf(EngineError)
    expect(first).toMatchObject({ code: 'conflict', message: 'is in use' })
    await expect(call({})).rejects.toMatchObject({ name: 'RangeError', message: 'too far' })
  })

  test('a body that breaks is read up to there', async () => {
    const { ask: call } = connected(async () => ({
      status: 200,
      headers: {},
      body: new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array([1, 2])),
        pull: () => Promise.reject(new EngineError('unavailable', 'the machine was lost')),
      }),
    }))
    const reader = (await call({})).body?.getReader()
    expect((await reader?.read())?.value).toEqual(new Uint8Array([1, 2]))
    await expect(reader?.read()).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('a request that is too large is refused here, and the port goes on', async () => {
    const { ask: call } = connected(async () => ({ status: 200, headers: {} }))
    await expect(call({ path: `/${'x'.repeat(HEAD_MAX)}` })).rejects.toMatchObject({
      code: 'invalid-parameter',
    })
    expect((await call({})).status).toBe(200)
  })
})

describe('a slow reader', () => {
  test('stops the engine’s writer within the window, and lets it go on', async () => {
    const source = endless()
    const { ask: call } = connected(async ({ path }) =>
      path === '/ping'
        ? { status: 200, headers: {} }
        : { status: 200, headers: {}, body: source.body },
    )
    const reader = (await call({})).body?.getReader()
    // Each round lets a writer that is not held write on.
    for (let round = 0; round < 50; round++) await call({ path: '/ping' })
    expect(source.state.produced).toBeGreaterThan(WINDOW / 2)
    expect(source.state.produced).toBeLessThanOrEqual(WINDOW + CHUNK_MAX)
    let taken = 0
    while (taken < 4 * WINDOW) {
      taken += (await reader?.read())?.value?.length ?? 0
      expect(source.state.produced - taken).toBeLessThanOrEqual(WINDOW + CHUNK_MAX)
    }
    await reader?.cancel()
  })

  test('stops the client’s writer within the window', async () => {
    const source = endless()
    const { ask: call } = connected(async ({ path }) =>
      path === '/ping' ? { status: 200, headers: {} } : new Promise(() => undefined),
    )
    call({ method: 'POST', path: '/slow', body: source.body }).catch(() => undefined)
    for (let round = 0; round < 50; round++) await call({ path: '/ping' })
    expect(source.state.produced).toBeGreaterThan(WINDOW / 2)
    expect(source.state.produced).toBeLessThanOrEqual(WINDOW + CHUNK_MAX)
  })

  test('a flood of single bytes is held sooner', async () => {
    const source = endless(1)
    const { ask: call } = connected(async ({ path }) =>
      path === '/ping'
        ? { status: 200, headers: {} }
        : { status: 200, headers: {}, body: source.body },
    )
    const { body } = await call({})
    for (let round = 0; round < 50; round++) await call({ path: '/ping' })
    expect(source.state.produced).toBeLessThan(WINDOW / 200)
    await body?.cancel()
  })
})

describe('who leaves', () => {
  test('an abort reaches the handler, and the request’s body', async () => {
    const { gone, handler } = waiting()
    const source = endless()
    const { ask: call } = connected(handler)
    const leave = new AbortController()
    const answer = call({ method: 'POST', body: source.body, signal: leave.signal })
    leave.abort(new Error('changed my mind'))
    await expect(answer).rejects.toThrow('changed my mind')
    await expect.poll(() => gone).toMatchObject([{ message: 'the client has gone' }])
    expect(source.state.cancelled).toMatchObject({ message: 'changed my mind' })
  })

  test('an abort breaks a body that is being read', async () => {
    const source = endless()
    let signal: AbortSignal | undefined
    const { ask: call } = connected(async (request) => {
      ;({ signal } = request)
      return { status: 200, headers: {}, body: source.body }
    })
    const leave = new AbortController()
    const reader = (await call({ signal: leave.signal })).body?.getReader()
    await reader?.read()
    leave.abort(new Error('enough'))
    await expect(reader?.read()).rejects.toThrow('enough')
    await expect.poll(() => source.state.cancelled).toMatchObject({ code: 'unavailable' })
    expect(signal?.aborted).toBe(true)
  })

  test('a reader that leaves cancels the source', async () => {
    const source = endless()
    const { ask: call } = connected(async () => ({ status: 200, headers: {}, body: source.body }))
    await (await call({})).body?.cancel()
    await expect.poll(() => source.state.cancelled).toBeDefined()
  })

  test('an engine that has answered leaves the rest of a body unread', async () => {
    const source = endless()
    const { ask: call } = connected(async () => ({ status: 400, headers: {} }))
    expect((await call({ method: 'POST', body: source.body })).status).toBe(400)
    await expect.poll(() => source.state.cancelled).toBeDefined()
  })

  test('a port that closes aborts all that came by it', async () => {
    const { gone, handler } = waiting()
    const { port1, port2 } = new MessageChannel()
    const port = new EnginePort(port1, handler, () => 'r1')
    port2.postMessage({ kind: 'request', id: 1, method: 'GET', path: '/', headers: {} })
    port2.postMessage({ kind: 'request', id: 2, method: 'GET', path: '/', headers: {} })
    // No goodbye: the page has vanished.
    port2.close()
    await port.closed
    expect(gone).toHaveLength(2)
  })

  test('a client that is disposed ends its calls at both ends', async () => {
    const { gone, handler } = waiting()
    const { port, connection, ask: call } = connected(handler)
    const answer = call({})
    connection[Symbol.dispose]()
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' })
    await expect(call({})).rejects.toMatchObject({ code: 'unavailable' })
    await port.closed
    expect(gone).toHaveLength(1)
  })

  test('an engine that closes ends the calls of its clients', async () => {
    const { handler } = waiting()
    const { port, ask: call } = connected(handler)
    const answer = call({})
    port[Symbol.dispose]()
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('a connection that is taken over', () => {
  const pair = () => {
    const there = new TransformStream<Uint8Array, Uint8Array>()
    const back = new TransformStream<Uint8Array, Uint8Array>()
    return {
      near: { readable: back.readable, writable: there.writable },
      far: { readable: there.readable, writable: back.writable },
    }
  }

  test.each([1, 2, 3])('carries both directions, and a half-close (%i)', async (seed) => {
    const { ask: call } = connected(async ({ body }) => {
      const head = await read(body)
      return {
        status: 101,
        headers: { upgrade: 'tcp' },
        upgrade: async ({ readable, writable }) => {
          const writer = writable.getWriter()
          await writer.write(head)
          // Only when the client has ended its direction.
          await writer.write(await read(readable))
          await writer.close()
        },
      }
    })
    const { status, upgrade } = await call({ method: 'POST', body: inPieces(noise(10), 1) })
    expect(status).toBe(101)
    const { near, far } = pair()
    const done = upgrade?.(far)
    const bytes = noise(700_000)
    const sent = inPieces(bytes, seed).pipeTo(near.writable)
    const seen = await read(near.readable)
    await Promise.all([sent, done])
    expect(Buffer.compare(seen, Buffer.concat([noise(10), bytes]))).toBe(0)
  })

  test('an engine that breaks it off tells why', async () => {
    const { ask: call } = connected(async () => ({
      status: 101,
      headers: {},
      upgrade: () => Promise.reject(new EngineError('conflict', 'the container stopped')),
    }))
    const { upgrade } = await call({ method: 'POST' })
    await expect(upgrade?.(pair().far)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('an abort breaks it at both ends', async () => {
    let broken: unknown
    const { ask: call } = connected(async () => ({
      status: 101,
      headers: {},
      upgrade: async ({ readable }) => {
        await read(readable).catch((error: unknown) => {
          broken = error
          throw error
        })
      },
    }))
    const leave = new AbortController()
    const { upgrade } = await call({ method: 'POST', signal: leave.signal })
    const done = upgrade?.(pair().far)
    leave.abort(new Error('hung up'))
    await expect(done).rejects.toThrow('hung up')
    await expect.poll(() => broken).toMatchObject({ message: 'the client has gone' })
  })
})

describe('a stranger', () => {
  const request = (id: number, more: object = {}) => ({
    kind: 'request',
    id,
    method: 'POST',
    path: '/',
    headers: {},
    hasBody: true,
    ...more,
  })
  const chunk = (id: number, size: number) => ({
    kind: 'chunk',
    id,
    flow: 'body',
    bytes: new ArrayBuffer(size),
  })

  test.each<[string, readonly unknown[]]>([
    ['says nothing', [undefined]],
    ['says what is no message', [{ kind: 'hello', id: 1 }]],
    ['names a call that never was', [{ kind: 'abort', id: 7 }]],
    ['uses a number twice', [request(1), request(1)]],
    ['counts downward', [request(5), request(4)]],
    ['has a number that is none', [request(0.5)]],
    [
      'sends more than the window',
      [request(1), ...Array.from({ length: 9 }, () => chunk(1, CHUNK_MAX))],
    ],
    ['sends too much at once', [request(1), chunk(1, CHUNK_MAX + 1)]],
    ['sends nothing at all, often', [request(1), chunk(1, 0)]],
    ['sends a body it has not announced', [request(1, { hasBody: false }), chunk(1, 1)]],
    ['gives credit for nothing', [request(1), { kind: 'credit', id: 1, flow: 'body', cost: 1 }]],
    ['takes over what was not offered', [request(1), { kind: 'upgrade', id: 1 }]],
    ['has headers that HTTP has not', [request(1, { headers: { 'a b': 'c' } })]],
    ['has a head too large', [request(1, { path: `/${'x'.repeat(HEAD_MAX)}` })]],
    ['asks too much', Array.from({ length: CALLS_MAX + 1 }, (_, id) => request(id))],
  ])('who %s loses the port, and what was begun by it', async (_, messages) => {
    const { gone, handler } = waiting()
    let begun = 0
    const { port1, port2 } = new MessageChannel()
    const port = new EnginePort(
      port1,
      (asked) => (begun++, handler(asked)),
      () => 'r',
    )
    port2.start()
    for (const message of messages) port2.postMessage(message)
    await port.closed
    await expect.poll(() => gone.length).toBe(begun)
  })

  test('what comes after the end of its call is dropped', async () => {
    const { port1, port2 } = new MessageChannel()
    const port = new EnginePort(
      port1,
      async () => ({ status: 204, headers: {} }),
      () => 'r',
    )
    const answers: unknown[] = []
    port2.addEventListener('message', ({ data }: MessageEvent<unknown>) => answers.push(data))
    port2.start()
    port2.postMessage(request(1))
    await expect.poll(() => answers.length).toBe(1)
    port2.postMessage(chunk(1, 10))
    port2.postMessage({ kind: 'end', id: 1, flow: 'body' })
    port2.postMessage({ kind: 'abort', id: 1 })
    port2.postMessage(request(2))
    await expect.poll(() => answers).toMatchObject([{ id: 1 }, { kind: 'response', id: 2 }])
    port[Symbol.dispose]()
  })

  test('an engine that says what it can’t loses its client', async () => {
    const { port1, port2 } = new MessageChannel()
    const connection = connectEngine(port2)
    const answer = ask(connection.handler, {})
    port1.postMessage({ kind: 'chunk', id: 1, flow: 'body', bytes: new ArrayBuffer(1) })
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' })
  })
})
