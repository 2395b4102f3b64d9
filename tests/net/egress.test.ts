import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeDnsAnswer, parseDnsQuery } from '../../src/codec/dns.ts'
import { dnsType } from '../../src/core/dns.ts'
import { hostAddress } from '../../src/core/guest-egress.ts'
import { DirectEgress } from '../../src/hosts/node/direct-egress.ts'
import { EgressPolicy } from '../../src/hosts/node/egress-policy.ts'
import { RelayNames } from '../../src/hosts/relay-names.ts'
import type { RelayClient } from '../../src/hosts/relay-client.ts'
import type { Egress } from '../../src/ports/egress.ts'
import { leftovers, openLab, type NetworkLab } from '../support/network-lab.ts'
import { startPeer, startRelay, type TestPeer, type TestRelay } from '../support/relay.ts'

// The way out of the real guest, by a real relay, to servers on the loopback of the machine that the test runs on.

let lab: NetworkLab
let web: Server
let port: number
let relay: TestRelay
let client: RelayClient
let resolver: TestPeer
let closed: number
const big = Buffer.alloc(20_000_000, 'twenty megabytes ')

/** A resolver on the loopback: `site.test` is this machine. */
const startResolver = (): Promise<TestPeer> =>
  startPeer((socket) => {
    socket.on('data', (bytes: Buffer) => {
      const query = parseDnsQuery(bytes.subarray(2))
      if (!query) return void socket.destroy()
      const { name, type } = query.question
      const known = name === 'site.test'
      const data = Uint8Array.from(hostAddress.split('.'), Number)
      const records = known && type === dnsType.A ? [{ name, type, ttl: 60, data }] : []
      const answer = encodeDnsAnswer(query, { code: known ? 0 : 3, records }, 4096)
      socket.end(Uint8Array.of(answer.length >> 8, answer.length & 255, ...answer))
    })
  })

beforeAll(async () => {
  web = createServer((request, response) => {
    if (request.url === '/big') response.end(big)
    else if (request.url === '/closed')
      response.writeHead(302, { location: 'http://10.0.0.1/' }).end()
    else if (request.url === '/endless') {
      const more = setInterval(() => response.write(Buffer.alloc(10_000)), 5)
      response.once('close', () => clearInterval(more))
    } else if (request.method === 'POST') {
      const hash = createHash('sha256')
      request.on('data', (bytes: Buffer) => hash.update(bytes))
      request.once('end', () => response.end(hash.digest('hex')))
    } else response.end('outside\n')
  })
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  ;({ port } = web.address() as AddressInfo)
  const gone = await startPeer(() => undefined)
  closed = gone.port
  await gone[Symbol.asyncDispose]()
  resolver = await startResolver()
  relay = await startRelay({ allow: ['localhost'] })
  client = relay.client(() => relay)
  lab = await openLab(new RelayNames(client, `localhost:${resolver.port}`))
  await lab.output('network create front')
  await lab.output('run -d --name plain busybox sleep 1000000')
  await lab.output('run -d --name named --network front busybox sleep 1000000')
}, 180_000)

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  client?.[Symbol.dispose]()
  await relay?.[Symbol.asyncDispose]()
  await resolver?.[Symbol.asyncDispose]()
  web?.close()
  web?.closeAllConnections()
}, 60_000)

/** Connections to the outside that the guest has, whichever their state. */
const open = async (): Promise<string> => (await lab.host('ss -Htn')).out

async function settled(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; !(await holds()); attempt++) {
    if (attempt > 100) throw new Error('it never came')
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
  }
}

const connect = (address: string, more = ''): string => `nc -w 8 ${address} ${more}</dev/null`

test('without a way out a connection fails at once, and all else works', async () => {
  const { code, err } = await lab.inside('plain', connect(`${hostAddress} ${port}`))
  expect(code).not.toBe(0)
  expect(err).toContain('Network is unreachable')
  expect((await lab.host('curl -s http://9.9.9.9/')).code).toBe(7)
  expect((await lab.inside('named', 'ping -c1 -W2 named')).out).toContain('1 packets received')
  lab.machine.networks.connectOutside(client)
}, 60_000)

test.each([
  ['open', () => `${hostAddress} ${port}`, 0, ''],
  ['nobody there', () => `${hostAddress} ${closed}`, 1, 'Connection refused'],
  ['private', () => '10.1.2.3 80', 1, 'No route to host'],
  ['the cloud’s metadata', () => '169.254.169.254 80', 1, 'No route to host'],
])(
  'nc tells the truth: %s',
  async (_, target, expected, message) => {
    for (const container of ['plain', 'named']) {
      const { code, err } = await lab.inside(container, connect(target()))
      expect({ code, err }).toEqual({
        code: expected,
        err: expect.stringContaining(message) as unknown,
      })
    }
  },
  60_000,
)

test('a host that says nothing: the one who waits gives up, and is told when we do', async () => {
  const silent: Egress = {
    connect: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('withdrawn')), { once: true })
      }),
  }
  lab.machine.networks.connectOutside(silent)
  const { code, err } = await lab.inside('plain', 'nc -w 2 9.9.9.9 80 </dev/null')
  expect(code).not.toBe(0)
  expect(err).toContain('timed out')
  lab.machine.networks.connectOutside(client)
  // Who was held by the channel before is let go.
  expect((await lab.inside('plain', connect(`${hostAddress} ${port}`))).code).toBe(0)
}, 60_000)

test('names: from the default bridge, a user’s network, and the host shell', async () => {
  const page = `http://site.test:${port}/`
  expect((await lab.inside('plain', `wget -qO- ${page}`)).out).toBe('outside\n')
  expect((await lab.inside('named', `wget -qO- ${page}`)).out).toBe('outside\n')
  expect((await lab.host(`curl -s ${page}`)).out).toBe('outside\n')
  const own = `http://host.docker.internal:${port}/`
  expect((await lab.inside('named', `wget -qO- ${own}`)).out).toBe('outside\n')
  expect((await lab.inside('named', 'nslookup nosuch.test')).out).toContain('NXDOMAIN')
}, 60_000)

test('20 MB in, 2 MB out, whole', async () => {
  const sum = createHash('sha256').update(big).digest('hex')
  const page = `http://site.test:${port}`
  const { out } = await lab.inside('named', `wget -qO- ${page}/big | sha256sum`)
  expect(out).toContain(sum)
  const sent = createHash('sha256').update(Buffer.alloc(2_000_000)).digest('hex')
  const upload = `head -c 2000000 /dev/zero | curl -s --data-binary @- ${page}/`
  expect((await lab.host(upload)).out).toBe(sent)
}, 180_000)

test('an end of one direction is no end of the other', async () => {
  await using peer = await startPeer((socket) => {
    let text = ''
    socket.on('data', (bytes) => {
      text += String(bytes)
    })
    socket.once('end', () => socket.end(`heard ${text}`))
  })
  const { out } = await lab.inside('plain', `echo hello | nc ${hostAddress} ${peer.port}`)
  expect(out).toBe('heard hello\n')
}, 60_000)

test('a redirect to what is closed leads nowhere', async () => {
  const { code, out } = await lab.host(`curl -sL http://${hostAddress}:${port}/closed`)
  expect({ code, out }).toEqual({ code: 7, out: '' })
}, 60_000)

test('nothing but TCP leaves, and that is said', async () => {
  expect((await lab.host('ping -c1 -W5 9.9.9.9')).out).toContain('Packet filtered')
  const { err } = await lab.host(`bash -c 'echo x > /dev/udp/9.9.9.9/53'`)
  expect(err).toContain('Operation not permitted')
}, 60_000)

test('IPv6 is carried, too', async () => {
  const targets: string[] = []
  const direct = new DirectEgress(new EgressPolicy({ allow: ['127.0.0.1'] }))
  lab.machine.networks.connectOutside({
    connect: (target, signal) => {
      targets.push(`${target.host} ${target.port}`)
      return direct.connect({ host: '127.0.0.1', port }, signal)
    },
  })
  await lab.output('network create --ipv6 --subnet fd00:40::/64 six')
  const page = 'http://[2606:4700::1111]:8080/'
  expect(await lab.output(`run --rm --network six busybox wget -qO- ${page}`)).toBe('outside\n')
  expect((await lab.host(`curl -s '${page}'`)).out).toBe('outside\n')
  expect(targets).toEqual(['2606:4700:0:0:0:0:0:1111 8080', '2606:4700:0:0:0:0:0:1111 8080'])
  await lab.output('network rm six')
  lab.machine.networks.connectOutside(client)
}, 60_000)

test('an internal network has no way out, whatever its routes', async () => {
  await lab.output('network create --internal --subnet 10.77.0.0/24 inner')
  const script = `ip route add default via 10.77.0.1; ${connect(`${hostAddress} ${port}`)}`
  const run = ['run', '--rm', '--cap-add', 'NET_ADMIN', '--network', 'inner', 'busybox']
  const { code } = await lab.docker([...run, 'sh', '-c', script])
  expect(code).not.toBe(0)
  await lab.output('network rm inner')
}, 60_000)

test('60 connections at once', async () => {
  const script = `for i in $(seq 60); do nc -w 30 ${hostAddress} ${port} </dev/null & done; wait; echo done`
  expect((await lab.inside('plain', script)).out).toBe('done\n')
  await settled(async () => relay.server.counts.streams === 0 && (await open()) === '')
}, 120_000)

test('a container that is killed takes its connections with it', async () => {
  await lab.output([
    ...'run -d --name victim busybox wget -qO /dev/null'.split(' '),
    `http://${hostAddress}:${port}/endless`,
  ])
  await settled(() => relay.server.counts.streams === 1)
  await lab.output('rm -f victim')
  await settled(async () => relay.server.counts.streams === 0 && (await open()) === '')
  // The same of one that leaves its network.
  const endless = `wget -qO /dev/null http://${hostAddress}:${port}/endless`
  await lab.inside('named', `${endless} </dev/null >/dev/null 2>&1 & sleep 0.1`)
  await settled(() => relay.server.counts.streams === 1)
  await lab.output('network disconnect front named')
  await settled(async () => relay.server.counts.streams === 0 && (await open()) === '')
}, 60_000)

test('a relay that dies: its connections break, new ones fail at once, and go again with the next', async () => {
  const running = lab.host(`curl -sS -o /tmp/endless http://${hostAddress}:${port}/endless`)
  await settled(async () => (await lab.host('[ -s /tmp/endless ]')).code === 0)
  await relay[Symbol.asyncDispose]()
  expect((await running).err).toContain('Connection reset by peer')
  expect((await lab.inside('plain', connect(`${hostAddress} ${port}`))).err).toContain(
    'unreachable',
  )
  // At the same place, as when `npm start` is started again, with another token.
  relay = await startRelay({ allow: ['localhost'], port: Number(new URL(relay.origin).port) })
  expect((await lab.inside('plain', connect(`${hostAddress} ${port}`))).code).toBe(0)
}, 60_000)

test('nothing of it is left behind', async () => {
  const all = (await lab.output('ps -aq')).trim().split('\n')
  await lab.output(['rm', '-f', ...all])
  await lab.output('network prune -f')
  expect(await leftovers(lab)).toEqual([])
  await settled(async () => (await open()) === '')
  expect(relay.server.counts.streams).toBe(0)
}, 120_000)
