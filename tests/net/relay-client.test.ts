import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import {
  encodeWisp,
  parseWisp,
  wispExtensions,
  wispReason,
  type WispPacket,
} from '../../src/codec/wisp.ts'
import { RelayClient } from '../../src/hosts/relay-client.ts'
import { RelayNames } from '../../src/hosts/relay-names.ts'

// The page's end of a relay that is somebody else's: out of order, hostile, or not there.

const owned: (() => unknown)[] = []
afterEach(async () => {
  for (const give of owned.splice(0).toReversed()) await give()
})

interface Peer {
  send(packet: WispPacket): void
  bytes(bytes: Uint8Array): void
}

/** A relay that does as it is told. */
async function relayThat(
  greet: (peer: Peer) => void,
  take: (packet: WispPacket, peer: Peer) => void = () => undefined,
): Promise<RelayClient> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  owned.push(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  await once(server, 'listening')
  server.on('connection', (socket) => {
    const peer: Peer = {
      send: (packet) => socket.send(encodeWisp(packet)),
      bytes: (bytes) => socket.send(bytes),
    }
    greet(peer)
    socket.on('message', (data) => {
      const packet = parseWisp(data as Buffer)
      if (packet) take(packet, peer)
    })
  })
  return clientOf(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

function clientOf(url: string): RelayClient {
  const client = new RelayClient({
    locate: async () => ({ url }),
    open: (address, protocols) => new WebSocket(address, [...protocols]),
  })
  owned.push(() => client[Symbol.dispose]())
  return client
}

const never = new AbortController().signal
const target = { host: 'example.org', port: 80 }

const properly = (peer: Peer): void => {
  peer.send({ type: 'continue', stream: 0, count: 16 })
  peer.send({ type: 'info', major: 2, minor: 0, extensions: wispExtensions() })
}

/** As relays without our extension greet. */
const plainly = (peer: Peer): void => {
  peer.send({ type: 'continue', stream: 0, count: 4 })
  peer.send({ type: 'info', major: 2, minor: 0, extensions: wispExtensions().slice(0, 1) })
}

test.each<[string, (peer: Peer) => void]>([
  ['garbage', (peer) => peer.bytes(randomBytes(64).fill(0x77, 0, 1))],
  ['nothing but a cut packet', (peer) => peer.bytes(new Uint8Array(3))],
  ['200 kB at once', (peer) => peer.bytes(new Uint8Array(200_000).fill(2))],
  [
    'an info before its credit',
    (peer) => peer.send({ type: 'info', major: 2, minor: 0, extensions: wispExtensions() }),
  ],
  ['the end of all', (peer) => peer.send({ type: 'close', stream: 0, reason: 4 })],
  [
    'a connect',
    (peer) => peer.send({ type: 'connect', stream: 1, protocol: 'tcp', port: 1, host: 'a' }),
  ],
])('a relay that greets with %s is no way out', async (_, greet) => {
  const client = await relayThat(greet)
  await expect(client.connect(target, never)).rejects.toMatchObject({
    reason: 'no-network',
    message: expect.stringContaining('no Wisp') as unknown,
  })
})

test('a relay that could not tell whether somebody listens is not used', async () => {
  const client = await relayThat((peer) => {
    peer.send({ type: 'continue', stream: 0, count: 16 })
    peer.send({ type: 'info', major: 2, minor: 0, extensions: [] })
  })
  await expect(client.connect(target, never)).rejects.toThrow('does not confirm connections')
})

test('nobody there, and no address at all', async () => {
  const connect = (url: string): Promise<unknown> => clientOf(url).connect(target, never)
  await expect(connect('ws://127.0.0.1:1/')).rejects.toThrow('can not be reached')
  await expect(connect('gopher://x/')).rejects.toMatchObject({ reason: 'no-network' })
})

test('garbage in the middle ends all streams, and the next connection is a new one', async () => {
  let opened = 0
  const client = await relayThat(
    (peer) => {
      opened++
      properly(peer)
    },
    (packet, peer) => {
      if (packet.type !== 'connect') return
      peer.send({ type: 'continue', stream: packet.stream, count: 16 })
      if (opened === 1 && packet.stream === 2) peer.bytes(new Uint8Array(2))
    },
  )
  const first = await client.connect(target, never)
  await client.connect(target, never)
  await expect(first.readable.getReader().read()).rejects.toThrow('no Wisp')
  await client.connect(target, never)
  expect(opened).toBe(2)
})

test('a relay that sends more than it was granted: that stream ends', async () => {
  const client = await relayThat(properly, (packet, peer) => {
    if (packet.type !== 'connect') return
    const { stream } = packet
    peer.send({ type: 'continue', stream, count: 16 })
    for (let count = 0; count < 100; count++) {
      peer.send({ type: 'data', stream, bytes: new Uint8Array(100) })
    }
  })
  const { readable } = await client.connect(target, never)
  await expect(new Response(readable).arrayBuffer()).rejects.toThrow('more came than was asked for')
})

test('what a relay says of streams that are not there is no news', async () => {
  const client = await relayThat(properly, (packet, peer) => {
    if (packet.type !== 'connect') return
    peer.send({ type: 'data', stream: 77, bytes: new Uint8Array(5) })
    peer.send({ type: 'close', stream: 77, reason: 1 })
    peer.send({ type: 'continue', stream: 77, count: 5 })
    peer.send({ type: 'continue', stream: packet.stream, count: 16 })
    peer.send({ type: 'data', stream: packet.stream, bytes: new Uint8Array(5) })
    peer.send({ type: 'close', stream: packet.stream, reason: wispReason.ended })
  })
  const { readable } = await client.connect(target, never)
  expect((await new Response(readable).arrayBuffer()).byteLength).toBe(5)
})

test('another relay’s credit counts anew, and its end is the end of both', async () => {
  let came = 0
  const client = await relayThat(plainly, (packet, peer) => {
    if (packet.type === 'connect') peer.send({ type: 'continue', stream: packet.stream, count: 4 })
    if (packet.type !== 'data') return
    came += packet.bytes.length
    if (came % (4 * 1000) === 0) peer.send({ type: 'continue', stream: packet.stream, count: 4 })
    if (came === 20_000) {
      peer.send({ type: 'data', stream: packet.stream, bytes: new Uint8Array(7) })
      peer.send({ type: 'close', stream: packet.stream, reason: wispReason.ended })
    }
  })
  const { readable, writable } = await client.connect(target, never)
  const writer = writable.getWriter()
  for (let count = 0; count < 20; count++) await writer.write(new Uint8Array(1000))
  expect((await new Response(readable).arrayBuffer()).byteLength).toBe(7)
  expect(came).toBe(20_000)
})

test('who gives up while the relay connects tells it', async () => {
  const said: WispPacket[] = []
  const client = await relayThat(properly, (packet) => said.push(packet))
  const stop = new AbortController()
  const connecting = client.connect(target, stop.signal)
  while (!said.some(({ type }) => type === 'connect')) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
  stop.abort(new Error('enough'))
  await expect(connecting).rejects.toThrow('enough')
  while (!said.some(({ type }) => type === 'close')) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
})

test('a resolver that answers what is no DNS: no name, and why', async () => {
  const client = await relayThat(properly, (packet, peer) => {
    if (packet.type === 'connect') peer.send({ type: 'continue', stream: packet.stream, count: 16 })
    if (packet.type === 'data' && packet.bytes.length > 0) {
      const bytes = Uint8Array.of(0, 20, ...randomBytes(20))
      peer.send({ type: 'data', stream: packet.stream, bytes })
    }
  })
  const reply = await new RelayNames(client, '9.9.9.9').lookup({ name: 'a.org', type: 1 }, [])
  expect(reply).toMatchObject({ code: 2, records: [] })
  expect(reply.reason).toContain('no DNS')
})
