import { once } from 'node:events'
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { wispReason } from '../../src/codec/wisp.ts'
import { EgressPolicy } from '../../src/hosts/node/egress-policy.ts'
import {
  RawClient,
  startPeer,
  startRelay,
  type TestPeer,
  type TestRelay,
} from '../support/relay.ts'

// The relay, as its page uses it and as an attacker would. Everything here is on the loopback.

const owned: AsyncDisposable[] = []
afterEach(async () => {
  for (const item of owned.splice(0).toReversed()) await item[Symbol.asyncDispose]()
})

const relayWith = async (options: Parameters<typeof startRelay>[0]): Promise<TestRelay> => {
  const relay = await startRelay(options)
  owned.push(relay)
  return relay
}

const peerThat = async (...[serve]: Parameters<typeof startPeer>): Promise<TestPeer> => {
  const peer = await startPeer(serve)
  owned.push(peer)
  return peer
}

const raw = async (relay: TestRelay, window?: number): Promise<RawClient> => {
  const client = await RawClient.greeted(relay, window)
  owned.push(client)
  return client
}

const never = new AbortController().signal
const allow = ['localhost', '127.0.0.1']

const settled = async (holds: () => boolean): Promise<void> => {
  for (let attempt = 0; !holds(); attempt++) {
    if (attempt > 500) throw new Error('it never came')
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
}

test('bytes both ways, each direction to its own end', async () => {
  const peer = await peerThat((socket) => {
    const hash = createHash('sha256')
    socket.on('data', (bytes) => hash.update(bytes))
    socket.once('end', () => socket.end(hash.digest()))
  })
  const relay = await relayWith({ allow })
  using client = relay.client()
  const { readable, writable } = await client.connect({ host: 'localhost', port: peer.port }, never)
  const bytes = randomBytes(5_000_000)
  await new Blob([bytes]).stream().pipeTo(writable)
  const answer = Buffer.from(await new Response(readable).arrayBuffer())
  expect(answer).toEqual(createHash('sha256').update(bytes).digest())
  await settled(() => relay.server.counts.streams === 0 && peer.sockets.size === 0)
})

test('a reader that waits holds the sender, and gets all in the end', async () => {
  let sent = 0
  const size = 30_000_000
  const peer = await peerThat((socket) => {
    const more = (): void => {
      while (sent < size) {
        sent += 100_000
        if (!socket.write(Buffer.alloc(100_000, 7))) return void socket.once('drain', more)
      }
      socket.end()
    }
    more()
  })
  const relay = await relayWith({ allow })
  using client = relay.client()
  const slow = await client.connect({ host: 'localhost', port: peer.port }, never)
  await new Promise((resolve) => {
    setTimeout(resolve, 300)
  })
  expect(sent).toBeLessThan(20_000_000)
  // Another stream of the same connection is not held up by it.
  const quick = await peerThat((socket) => socket.end('quick'))
  const other = await client.connect({ host: 'localhost', port: quick.port }, never)
  expect(await new Response(other.readable).text()).toBe('quick')
  const { byteLength } = await new Response(slow.readable).arrayBuffer()
  expect(byteLength).toBe(size)
  await slow.writable.close()
  await other.writable.close()
  await settled(() => relay.server.counts.streams === 0)
})

test('not one packet more than the client takes', async () => {
  const size = 10 * 32_768 + 5
  const peer = await peerThat((socket) => socket.end(randomBytes(size)))
  const client = await raw(await relayWith({ allow }), 3)
  client.connect(1, 'localhost', peer.port)
  const sizes = (): number[] =>
    client.packets.flatMap((packet) =>
      packet.type === 'data' && packet.bytes.length > 0 ? [packet.bytes.length] : [],
    )
  const bytes = (): number => sizes().reduce((sum, length) => sum + length, 0)
  for (let granted = 3; bytes() < size; granted += 2) {
    await settled(() => sizes().length >= granted || bytes() === size)
    await new Promise((resolve) => {
      setTimeout(resolve, 30)
    })
    expect(sizes().length).toBeLessThanOrEqual(granted)
    client.send({ type: 'continue', stream: 1, count: 2 })
  }
  expect(bytes()).toBe(size)
})

test('the true reason for what is refused', async () => {
  const peer = await startPeer(() => undefined)
  const { port } = peer
  await peer[Symbol.asyncDispose]()
  const relay = await relayWith({ allow })
  using client = relay.client()
  const connect = (host: string): Promise<unknown> => client.connect({ host, port }, never)
  await expect(connect('localhost')).rejects.toMatchObject({ reason: 'refused' })
  await expect(connect('10.0.0.1')).rejects.toMatchObject({ reason: 'prohibited' })
  await expect(connect('nosuch.invalid')).rejects.toMatchObject({ reason: 'no-host' })
  expect(relay.server.counts.streams).toBe(0)
})

test('a reset is a reset on both sides', async () => {
  const peer = await peerThat((socket) => {
    socket.once('data', () => socket.resetAndDestroy())
  })
  const relay = await relayWith({ allow })
  using client = relay.client()
  const { readable, writable } = await client.connect({ host: 'localhost', port: peer.port }, never)
  await writable.getWriter().write(new Uint8Array(1))
  await expect(new Response(readable).text()).rejects.toThrow('the connection broke')
  const other = await peerThat((socket) => socket.resume())
  const mine = await client.connect({ host: 'localhost', port: other.port }, never)
  await settled(() => other.sockets.size === 1)
  const [socket] = other.sockets
  if (!socket) throw new Error('nobody connected')
  const error = once(socket, 'error')
  await mine.writable.abort()
  expect((await error)[0]).toMatchObject({ code: 'ECONNRESET' })
})

test('a relay that dies ends its streams with an error, and one in its place serves new ones', async () => {
  const peer = await peerThat((socket) => socket.write('hello'))
  const first = await startRelay({ allow })
  let now = first
  using client = first.client(() => now)
  const target = { host: 'localhost', port: peer.port }
  const { readable } = await client.connect(target, never)
  const reader = readable.getReader()
  expect((await reader.read()).value).toEqual(new Uint8Array(Buffer.from('hello')))
  const rest = reader.read()
  await first[Symbol.asyncDispose]()
  await expect(rest).rejects.toThrow(/closed the connection/)
  await settled(() => peer.sockets.size === 0)
  await expect(client.connect(target, never)).rejects.toMatchObject({
    reason: 'no-network',
    message: expect.stringContaining('can not be reached') as unknown,
  })
  // At the same place, with another token.
  now = await relayWith({ allow, port: Number(new URL(first.origin).port) })
  const again = await client.connect(target, never)
  expect((await again.readable.getReader().read()).value).toHaveLength(5)
})

test.each([
  ['no token', ['wisp'], undefined],
  ['a wrong token', ['wisp', 'token.wrong'], undefined],
  ['half a token', ['wisp', 'token.HALF'], undefined],
  ['another origin', ['wisp', 'token.TOKEN'], 'https://evil.example'],
  ['another port of this machine', ['wisp', 'token.TOKEN'], 'http://localhost:1'],
  ['no origin', ['wisp', 'token.TOKEN'], ''],
  ['the null origin of a sandboxed frame', ['wisp', 'token.TOKEN'], 'null'],
])('%s: refused before a word is said', async (_, protocols, origin) => {
  const relay = await relayWith({ allow })
  const { token } = relay.server
  const offered = protocols.map((text) =>
    text.replace('TOKEN', token).replace('HALF', token.slice(0, 16)),
  )
  const given = origin === '' ? undefined : (origin ?? relay.origin)
  expect(await RawClient.open(relay.url, offered, given)).toBe(403)
  expect(relay.server.counts.sessions).toBe(0)
})

test('the page’s settings are for its own address alone', async () => {
  const relay = await relayWith({ allow })
  const settings = await fetch(`${relay.origin}/config.json`)
  expect(await settings.json()).toEqual({ relay: relay.server.settings })
  expect(settings.headers.get('access-control-allow-origin')).toBeNull()
  const { request } = await import('node:http')
  const { port } = new URL(relay.origin)
  const [led] = (await once(
    request({ port, path: '/config.json', headers: { host: `evil.example:${port}` } }).end(),
    'response',
  )) as [{ statusCode: number; resume: () => void }]
  led.resume()
  expect(led.statusCode).toBe(403)
})

test('a name that means one address when it is checked, and another when it is connected to', async () => {
  const peer = await peerThat((socket) => socket.end('secret'))
  let asked = 0
  const policy = new EgressPolicy({}, async () => {
    asked++
    // The address of documentation that is open in no policy, and then the one that is wanted.
    return [{ address: asked % 2 === 1 ? '93.184.216.34' : '127.0.0.1', family: 4 }]
  })
  const [checked] = await policy.check({ host: 'rebind.example', port: peer.port })
  // What is connected to is the address that was checked: no name is left to be asked for again.
  expect(checked).toEqual({ address: '93.184.216.34', family: 4, port: peer.port })
  expect(asked).toBe(1)
  const relay = await relayWith({ policy })
  const client = await raw(relay)
  client.connect(1, 'rebind.example', peer.port)
  expect((await client.next('close', 1)).reason).toBe(wispReason.blocked)
  expect(peer.sockets.size).toBe(0)
})

test.each([
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '017700000001',
  '0',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::7f00:1',
  'localhost',
  'LOCALHOST.',
  '169.254.169.254',
  'fd00:ec2::254',
  '[::1]',
  '127.0.0.1 ',
  '127.0.0.1\0.example.org',
  '127.0.0.1/x',
  'user@127.0.0.1',
])('%s leads nowhere', async (host) => {
  const peer = await peerThat((socket) => socket.end('secret'))
  const client = await raw(await relayWith({}))
  client.connect(1, host, peer.port)
  const { reason } = await client.next('close', 1)
  expect([wispReason.blocked, wispReason.unreachable]).toContain(reason)
  expect(peer.sockets.size).toBe(0)
})

test('what is allowed at one port is closed at the next, and the relay’s own port always', async () => {
  const peer = await peerThat((socket) => socket.end('open'))
  const other = await peerThat((socket) => socket.end('closed'))
  const relay = await relayWith({ allow: [`localhost:${peer.port}`] })
  const client = await raw(relay)
  client.connect(1, 'localhost', peer.port)
  expect(Buffer.from((await client.next('data', 1)).bytes).toString()).toBe('open')
  client.connect(2, 'localhost', other.port)
  expect((await client.next('close', 2)).reason).toBe(wispReason.blocked)
  const wide = await relayWith({ allow })
  const second = await raw(wide)
  second.connect(1, '127.0.0.1', Number(new URL(wide.origin).port))
  expect((await second.next('close', 1)).reason).toBe(wispReason.blocked)
})

test.each([
  ['text', (client: RawClient) => client.socket.send('hello')],
  ['garbage', (client: RawClient) => client.socket.send(randomBytes(100).fill(0xee, 0, 1))],
  ['an empty frame', (client: RawClient) => client.socket.send(new Uint8Array(0))],
  ['a frame of 2 MB', (client: RawClient) => client.socket.send(new Uint8Array(2_000_000))],
  ['a stream of number 0', (client: RawClient) => client.connect(0, 'localhost', 80)],
  [
    'a second greeting',
    (client: RawClient) => client.send({ type: 'info', major: 2, minor: 0, extensions: [] }),
  ],
  [
    'a stream twice',
    (client: RawClient) => {
      client.connect(1, 'localhost', 9)
      client.connect(1, 'localhost', 9)
    },
  ],
])('%s ends the client, and no other', async (_, act) => {
  const relay = await relayWith({ allow })
  const other = await raw(relay)
  const client = await raw(relay)
  act(client)
  await client.end()
  await settled(() => relay.server.counts.sessions === 1)
  const peer = await peerThat((socket) => socket.end('still here'))
  other.connect(5, 'localhost', peer.port)
  expect(Buffer.from((await other.next('data', 5)).bytes).toString()).toBe('still here')
})

test('data before the greeting, and for streams that are not there', async () => {
  const relay = await relayWith({ allow })
  const early = await RawClient.open(
    relay.url,
    ['wisp', `token.${relay.server.token}`],
    relay.origin,
  )
  if (typeof early === 'number') throw new Error('refused')
  early.connect(1, 'localhost', 80)
  await early.end()
  const client = await raw(relay)
  client.send({ type: 'data', stream: 99, bytes: new Uint8Array(10) })
  client.send({ type: 'close', stream: 99, reason: 2 })
  client.send({ type: 'continue', stream: 99, count: 0xffff_ffff })
  const peer = await peerThat((socket) => socket.end('fine'))
  client.connect(1, 'localhost', peer.port)
  expect(Buffer.from((await client.next('data', 1)).bytes).toString()).toBe('fine')
})

test('more than the relay takes, for a peer that reads nothing: that stream is cut off', async () => {
  const peer = await peerThat((socket) => socket.pause())
  const relay = await relayWith({ allow })
  const client = await raw(relay)
  client.connect(1, 'localhost', peer.port)
  await client.next('continue', 1)
  for (let count = 0; count < 2000; count++) {
    client.send({ type: 'data', stream: 1, bytes: new Uint8Array(32_768) })
  }
  expect((await client.next('close', 1)).reason).toBe(wispReason.invalid)
  expect(relay.server.counts.streams).toBe(0)
  expect(client.closed).toBe(false)
})

test('limits: streams, sessions, bytes, idle time', async () => {
  const peer = await peerThat((socket) => socket.pipe(socket))
  const limits = { streams: 2, sessions: 2, bytes: 100_000, idle: 300 }
  const relay = await relayWith({ allow, limits })
  const client = await raw(relay)
  for (const stream of [1, 2, 3]) client.connect(stream, 'localhost', peer.port)
  expect((await client.next('close', 3)).reason).toBe(wispReason.throttled)
  // A peer that never closes, and says nothing.
  expect((await client.next('close')).reason).toBe(wispReason.idle)
  await settled(() => peer.sockets.size === 0)
  await raw(relay)
  const third = RawClient.open(relay.url, ['wisp', `token.${relay.server.token}`], relay.origin)
  expect(await third).toBe(503)
  client.connect(4, 'localhost', peer.port)
  await client.next('continue', 4)
  for (let count = 0; count < 4; count++) {
    client.send({ type: 'data', stream: 4, bytes: new Uint8Array(32_768) })
  }
  expect((await client.next('close', 4)).reason).toBe(wispReason.throttled)
  await client.end()
})

test('clients that leave take their connections with them', async () => {
  const peer = await peerThat((socket) => socket.resume())
  const relay = await relayWith({ allow })
  const client = await raw(relay)
  for (let stream = 1; stream <= 20; stream++) client.connect(stream, 'localhost', peer.port)
  await settled(() => peer.sockets.size === 20)
  client.socket.terminate()
  await settled(() => peer.sockets.size === 0 && relay.server.counts.sessions === 0)
})
