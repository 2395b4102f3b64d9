import { connect } from 'node:net'
import { createSocket } from 'node:dgram'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  leftovers,
  openLab,
  openPeer,
  type CommandLab,
  type NetworkLab,
} from '../support/network-lab.ts'

// Who reaches whom, by which name, on which port, and who doesn't: asked of the programs in the guest. The same facts hold for
// a real dockerd that has the image busybox: DRYDOCK_PEER=unix://…, and in DRYDOCK_PEER_SHELL what runs a command beside it.

const peer = process.env['DRYDOCK_PEER']
let lab: CommandLab
/** Ours alone: what is asked of it in other ways. */
let own: NetworkLab

/** An HTTP server that tells its name. */
const server = [
  'busybox',
  'sh',
  '-c',
  'mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 80 -h /www',
]

const containers: readonly (readonly [name: string, options: string])[] = [
  ['web', '--network front --network-alias www -p 28480:80 -p 127.0.0.1:28481:80'],
  ['pool1', '--network front --network-alias pool'],
  ['pool2', '--network front --network-alias pool'],
  ['client', '--network front'],
  ['db', '--network back --ip 10.20.0.20 --network-alias pg --mac-address 02:42:0a:14:00:aa'],
  ['cache', '--network side -p 28482:80'],
  ['old1', '-p 28483:80'],
  ['old2', '--link old1:one --add-host far:10.9.9.9'],
  ['quiet1', '--network quiet -p 28484:80'],
  ['quiet2', '--network quiet'],
  ['six1', '--network six'],
  ['six2', '--network six'],
  ['alone', '--network none'],
  ['joined', '--network container:alone'],
  ['beside', '--network container:client'],
]

beforeAll(async () => {
  if (peer === undefined) lab = own = await openLab()
  else lab = openPeer(peer, process.env['DRYDOCK_PEER_SHELL'] ?? '')
  await lab.output('network create front')
  await lab.output('network create --internal --subnet 10.20.0.0/24 back')
  await lab.output('network create --subnet 10.30.0.0/24 --gateway 10.30.0.254 side')
  await lab.output('network create -o com.docker.network.bridge.enable_icc=false quiet')
  await lab.output('network create --ipv6 --subnet fd00:30::/64 six')
  for (const [name, options] of containers) {
    const host = options.includes('container:') ? [] : ['--hostname', `${name}-host`]
    const own = name === 'joined' || name === 'beside' ? ['busybox', 'sleep', '1000000'] : server
    await lab.output(['run', '-d', '--name', name, ...host, ...options.split(' '), ...own])
  }
  if (peer === undefined) await lab.output('pull -q debian:12-slim')
  if (peer === undefined)
    await lab.output([
      ...'run -d --name udp --network front -p 28490:9000/udp debian:12-slim perl -MSocket -e'.split(
        ' ',
      ),
      'socket(S,PF_INET,SOCK_DGRAM,17); bind(S,sockaddr_in(9000,INADDR_ANY)); while($a=recv(S,$b,999,0)){send(S,$b,0,$a)}',
    ])
  await lab.output('run -d --name onhost --network host busybox httpd -f -p 28495 -h /etc')
  await lab.output('network connect --alias api back web')
  await lab.inside('web', 'until wget -qO- http://localhost/; do sleep 0.2; done')
}, 180_000)

afterAll(async () => {
  if (peer !== undefined) {
    await lab.docker(['rm', '-f', ...containers.map(([name]) => name), 'onhost'])
    await lab.docker('network rm front back side quiet six')
  }
  await lab?.[Symbol.asyncDispose]()
}, 60_000)

/** `client: wget -qO- http://web/` → what it prints, or `fails`. */
type Fact = readonly [from: string, script: string, expected: string | RegExp, whose?: 'ours']

const page = (address: string): string => `wget -qO- http://${address}/`
const ping = (address: string): string => `ping -c1 -W1 ${address}`
const ask = (name: string): string => `nslookup -type=a ${name}`
const udp = (address: string): string =>
  `bash -c 'exec 3<>/dev/udp/${address}; echo hi >&3; timeout 3 head -n1 <&3'`
const PONG = /1 packets received/

const facts: readonly Fact[] = [
  // A user's network: names, aliases, ids' hosts, addresses.
  ['client', page('web'), 'web-host\n'],
  ['client', page('www'), 'web-host\n'],
  ['client', page('web.front'), 'web-host\n'],
  ['client', page('web-host'), 'web-host\n'],
  ['client', page('WEB'), 'web-host\n'],
  ['client', page('pool'), /pool[12]-host/],
  ['client', page('pool1'), 'pool1-host\n'],
  ['client', ping('web'), PONG],
  ['client', ping('client'), PONG],
  ['client', ask('web'), /Address: 172\.18\.0\.2/],
  ['client', 'nslookup 172.18.0.2', /name = web\.front/],
  ['client', ask('pool'), /172\.18\.0\.[34][^]*172\.18\.0\.[34]/],
  ['web', page('client'), 'client-host\n'],
  ['beside', page('web'), 'web-host\n'],
  ['beside', page('localhost'), 'client-host\n'],
  ['beside', 'hostname', 'client-host\n'],
  // Two networks of one container.
  ['web', page('db'), 'db-host\n'],
  ['web', page('pg'), 'db-host\n'],
  ['web', page('10.20.0.20'), 'db-host\n'],
  ['web', 'ip -4 addr show eth1', /inet 10\.20\.0\.2\/24/],
  ['web', 'ip route', /default via 172\.18\.0\.1 dev eth0/],
  ['db', page('api'), 'web-host\n'],
  ['db', page('web'), 'web-host\n'],
  ['db', page('www'), 'fails'],
  ['client', page('api'), 'fails'],
  // Internal: no way out, but neighbours.
  ['db', 'ip route', /^10\.20\.0\.0\/24 dev eth0 [^\n]*\n$/],
  ['db', 'cat /sys/class/net/eth0/address', '02:42:0a:14:00:aa\n'],
  ['db', 'nc -w 3 9.9.9.9 53', 'fails'],
  ['db', ask('example.com'), 'fails'],
  ['client', ping('10.20.0.20'), 'fails'],
  // Networks are apart.
  ['client', page('db'), 'fails'],
  ['client', page('cache'), 'fails'],
  ['client', ask('cache'), 'fails'],
  ['client', ping('10.30.0.1'), 'fails'],
  ['cache', ping('172.18.0.2'), 'fails'],
  ['old1', ping('172.18.0.2'), 'fails'],
  ['cache', ping('172.17.0.2'), 'fails'],
  ['cache', 'ip route', /default via 10\.30\.0\.254/],
  // The default bridge: addresses, links, no names.
  ['old2', page('172.17.0.2'), 'old1-host\n'],
  ['old2', page('one'), 'old1-host\n'],
  ['old2', page('old1'), 'old1-host\n'],
  ['old1', page('old2'), 'fails'],
  ['old1', ping('172.17.0.3'), PONG],
  ['old1', ping('172.17.0.1'), PONG],
  ['old2', 'grep far /etc/hosts', '10.9.9.9\tfar\n'],
  ['old1', 'grep nameserver /etc/resolv.conf', 'nameserver 169.254.53.53\n', 'ours'],
  ['client', 'grep nameserver /etc/resolv.conf', 'nameserver 127.0.0.11\n'],
  // icc=false: the gateway, but no neighbour.
  ['quiet2', ask('quiet1'), /Address: 172\.19\.0\.2/],
  ['quiet2', ping('quiet1'), 'fails'],
  ['quiet2', ping('172.19.0.1'), PONG],
  ['quiet2', page('172.19.0.1:28484'), 'quiet1-host\n'],
  // IPv6.
  ['six1', 'ping -6 -c1 -W1 six2', PONG],
  ['six1', 'ping -6 -c1 -W1 fd00:30::1', PONG],
  ['six1', 'nslookup -type=aaaa six2', /Address: fd00:30::3/],
  ['six1', ping('six2'), PONG],
  // none, container:, host.
  ['alone', 'ls /sys/class/net', 'lo\n'],
  ['alone', page('127.0.0.1'), 'alone-host\n'],
  ['alone', ping('172.17.0.1'), 'fails'],
  ['joined', page('127.0.0.1'), 'alone-host\n'],
  ['onhost', page('172.18.0.2'), 'web-host\n'],
  ['onhost', 'ls /sys/class/net', /docker0/],
  ['old1', page('172.17.0.1:28495/hostname').replace('hostname/', 'hostname'), /\w/],
  // Published ports: from the guest's own shell, from containers by a gateway, from the container itself.
  ['host', 'curl -s localhost:28480', 'web-host\n'],
  ['host', 'curl -s 127.0.0.1:28481', 'web-host\n'],
  ['host', 'curl -s 172.17.0.1:28480', 'web-host\n'],
  ['host', 'curl -s 172.17.0.1:28481', 'fails'],
  ['host', 'curl -s 172.18.0.2', 'web-host\n'],
  ['host', 'curl -s 10.20.0.20', 'db-host\n'],
  ['host', 'curl -s localhost:28499', 'fails'],
  ['client', page('172.18.0.1:28480'), 'web-host\n'],
  ['old1', page('172.17.0.1:28480'), 'web-host\n'],
  ['old1', page('172.18.0.1:28480'), 'web-host\n'],
  ['old1', page('172.17.0.1:28481'), 'fails'],
  ['web', page('172.18.0.1:28480'), 'web-host\n'],
  ['cache', page('172.17.0.1:28483'), 'old1-host\n'],
  ['udp', udp('172.17.0.1/28490'), 'hi\n', 'ours'],
  ['udp', udp('127.0.0.1/9000'), 'hi\n', 'ours'],
  ['host', udp('127.0.0.1/28490'), 'hi\n', 'ours'],
  ['host', 'ss -Hltn sport = :28480', /0\.0\.0\.0:28480/],
  ['host', 'nft list ruleset', /tcp dport 28480 dnat to 172\.18\.0\.2:80/, 'ours'],
  ['host', 'ip -4 -o addr show docker0', /172\.17\.0\.1\/16/],
  // Nothing leaves, and that is told at once.
  ['client', 'nc -w 9 9.9.9.9 80', 'fails'],
  ['old1', 'ping -c1 -W1 9.9.9.9', 'fails'],
  ['host', 'ping -c1 -W9 9.9.9.9', 'fails'],
  ['host', 'curl -sm 9 http://9.9.9.9/', 'fails'],
]

test(`${facts.length} facts of who reaches whom`, async () => {
  expect(facts.length).toBeGreaterThanOrEqual(60)
  const wrong: string[] = []
  for (const [from, script, expected, whose] of facts) {
    if (whose === 'ours' && peer !== undefined) continue
    const began = performance.now()
    const { code, out, err } = await (from === 'host' ? lab.host(script) : lab.inside(from, script))
    const took = performance.now() - began
    const right =
      expected === 'fails'
        ? code !== 0 || /can't find|0 packets received/.test(out)
        : typeof expected === 'string'
          ? out === expected
          : expected.test(out)
    // A real one may wait for name servers that are not there.
    if (!right || (took > 8000 && peer === undefined)) {
      wrong.push(`${from}: ${script}: ${code} in ${Math.round(took)} ms\n${out}${err}`)
    }
  }
  expect(wrong).toEqual([])
}, 300_000)

/** Of the real guest alone. */
const ours = test.skipIf(peer !== undefined)

const fetchText = async (url: string): Promise<string> => (await fetch(url)).text()

ours(
  'published ports on the host’s loopback',
  async () => {
    expect(await fetchText('http://127.0.0.1:28480/')).toBe('web-host\n')
    expect(await fetchText('http://localhost:28480/')).toBe('web-host\n')
    expect(await fetchText('http://127.0.0.1:28481/')).toBe('web-host\n')
    expect(await fetchText('http://127.0.0.1:28483/')).toBe('old1-host\n')
    const socket = createSocket('udp4')
    const answer = new Promise<string>((resolve) => {
      socket.once('message', (bytes) => resolve(String(bytes)))
    })
    socket.send('over', 28490, '127.0.0.1')
    expect(await answer).toBe('over')
    socket.close()
  },
  30_000,
)

ours(
  'many connections, one after the other and at once',
  async () => {
    for (let count = 0; count < 100; count++) await fetchText('http://127.0.0.1:28480/')
    const pages = await Promise.all(
      Array.from({ length: 50 }, () => fetchText('http://127.0.0.1:28480/')),
    )
    expect(new Set(pages)).toEqual(new Set(['web-host\n']))
  },
  60_000,
)

ours(
  'a container that dies takes its connections and its port with it',
  async () => {
    await lab.output('run -d --name victim -p 28497:80 busybox nc -l -p 80 -e yes')
    const closed = new Promise<void>((resolve) => {
      const attempt = (): void => {
        const socket = connect(28497, '127.0.0.1')
        socket.on('error', () => undefined)
        let got = 0
        socket.on('data', (bytes) => {
          got += bytes.length
          if (got > 100_000) void lab.docker('kill victim')
        })
        socket.once('close', () => {
          if (got > 100_000) resolve()
          else setTimeout(attempt, 200)
        })
      }
      attempt()
    })
    await closed
    await expect(fetchText('http://127.0.0.1:28497/')).rejects.toThrow()
    await lab.output('rm -f victim')
  },
  60_000,
)

ours('connect and disconnect while it runs', async () => {
  await lab.output('network connect --alias guest side client')
  expect((await lab.inside('cache', page('guest'))).out).toBe('client-host\n')
  expect((await lab.inside('client', page('cache'))).out).toBe('cache-host\n')
  await lab.output('network disconnect side client')
  expect((await lab.inside('client', 'ls /sys/class/net')).out).toBe('eth0\nlo\n')
  expect((await lab.inside('cache', page('guest'))).code).not.toBe(0)
})

ours('stats count bytes and packets', async () => {
  await lab.inside('client', page('web'))
  const { networks } = await own.machine.containers.stats(
    (await lab.output(['inspect', '-f', '{{.Id}}', 'client'])).trim(),
  )
  expect(networks['eth0']?.rxBytes).toBeGreaterThan(200)
  expect(networks['eth0']?.txPackets).toBeGreaterThan(3)
  expect(await lab.output('stats --no-stream --format {{.NetIO}} client')).toMatch(/[kM]?B \/ /)
})

ours('names outside are forwarded, or refused with a reason', async () => {
  const { out } = await lab.inside('client', 'nslookup nosuch.invalid')
  expect(out).toMatch(/NXDOMAIN|SERVFAIL/)
})

ours(
  'nothing of it is left behind',
  async () => {
    const all = (await lab.output('ps -aq')).trim().split('\n')
    await lab.output(['rm', '-f', ...all])
    await lab.output('network prune -f')
    expect(await leftovers(own)).toEqual([])
    expect((await lab.host('ip -o link show type bridge')).out).toMatch(/^\d+: docker0:[^\n]*\n$/)
  },
  120_000,
)
