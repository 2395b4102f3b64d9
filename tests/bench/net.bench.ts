import { connect } from 'node:net'
import { afterAll, beforeAll, test } from 'vitest'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { ApiRequests, runTrue, timed } from './api-requests.ts'
import { percentile } from './figures.ts'
import { record } from './record.ts'

// Networks: what a start on the bridge costs, names, published ports.

let server: HeadlessServer
let api: ApiRequests
const peerAddress = process.env['DRYDOCK_BENCH_PEER']
const peer = peerAddress ? new ApiRequests(peerAddress.replace(/^unix:\/\//, '')) : undefined

beforeAll(async () => {
  server = await startServer()
  api = new ApiRequests(server.socket)
  await api.drain('POST', '/images/create?fromImage=busybox&tag=latest')
  await api.drain('POST', '/images/create?fromImage=debian&tag=12-slim')
  await api.json('POST', '/networks/create', { Name: 'lab' })
})

afterAll(async () => {
  api[Symbol.dispose]()
  peer?.[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
})

const page = 28_380
const source = 28_381

async function start(
  name: string,
  image: string,
  command: readonly string[],
  port?: number,
): Promise<string> {
  const { Id } = await api.json<{ Id: string }>('POST', `/containers/create?name=${name}`, {
    Image: image,
    Cmd: command,
    HostConfig: {
      NetworkMode: 'lab',
      ...(port === undefined
        ? {}
        : { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } }),
    },
  })
  await api.json('POST', `/containers/${Id}/start`)
  return Id
}

/** A program's output, to its end. */
async function output(name: string, image: string, command: readonly string[]): Promise<string> {
  const id = await start(name, image, command)
  await api.json('POST', `/containers/${id}/wait`)
  const text = await api.drain('GET', `/containers/${id}/logs?stdout=1`)
  await api.json('DELETE', `/containers/${id}?force=1`)
  return text
}

test('run on the default bridge, and the same of the peer in turns', async () => {
  await timed(30, () => runTrue(api, 'bridge'))
  if (peer) await timed(3, () => runTrue(peer, 'bridge'))
  const own: number[] = []
  const other: number[] = []
  for (let index = 0; index < 40; index++) {
    own.push(...(await timed(1, () => runTrue(api, 'bridge'))))
    if (peer) other.push(...(await timed(1, () => runTrue(peer, 'bridge'))))
  }
  record('run-bridge', own)
  if (peer) {
    record(
      'run-bridge-peer-half',
      own.map((value) => (100 * value) / percentile(other, 0.5)),
    )
  }
})

/** One process, one answer a connection: a page without a web server's own time. */
const serve =
  'use Socket; socket(S,PF_INET,SOCK_STREAM,6); setsockopt(S,SOL_SOCKET,SO_REUSEADDR,1);' +
  'bind(S,sockaddr_in(80,INADDR_ANY)); listen(S,128);' +
  'while(accept(C,S)){ sysread(C,$b,4096);' +
  'syswrite(C,"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 6\\r\\n\\r\\nhello\\n"); close(C) }'

function firstByte(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    })
    socket.once('data', () => {
      resolve()
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without a byte')))
  })
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })

async function untilServed(port: number): Promise<void> {
  for (;;) {
    try {
      await firstByte(port)
      return
    } catch {
      await pause(100)
    }
  }
}

test('first byte of a published page', async () => {
  await start('page', 'debian:12-slim', ['perl', '-e', serve], page)
  await untilServed(page)
  await timed(100, () => firstByte(page))
  const samples: number[] = []
  for (let index = 0; index < 100; index++) {
    samples.push(...(await timed(1, () => firstByte(page))))
    // The guest ends this connection before the next comes: its end is no part of the next one's beginning.
    await pause(20)
  }
  record('port-first-byte', samples)
})

const names =
  // clock_gettime(CLOCK_MONOTONIC): the image has no Time::HiRes.
  'sub now { my $t=pack("l2",0,0); syscall(265,1,$t); my($s,$n)=unpack("l2",$t); $s*1000+$n/1e6 }' +
  'use Socket; socket(S,PF_INET,SOCK_DGRAM,17);' +
  '$to=sockaddr_in(53,inet_aton("127.0.0.11"));' +
  '$q=pack("n6",7,256,1,0,0,0)."\\4page\\0".pack("n2",1,1);' +
  'for($i=0;$i<120;$i++){ $t=now(); send(S,$q,0,$to); recv(S,$r,512,0);' +
  'printf("%.3f\\n",now()-$t) if $i>=40 }'

test('DNS answer of another container’s name', async () => {
  const text = await output('names', 'debian:12-slim', ['perl', '-e', names])
  const samples = text.match(/\d+\.\d+/g)?.map(Number) ?? []
  record('name', samples)
})

test('throughput host ← container', async () => {
  await start(
    'source',
    'busybox',
    ['nc', '-ll', '-p', '80', '-e', 'dd', 'if=/dev/zero', 'bs=64k', 'count=1600'],
    source,
  )
  await untilServed(source)
  const samples: number[] = []
  for (let index = 0; index < 5; index++) {
    let bytes = 0
    const [took = 1] = await timed(1, async () => {
      await new Promise<void>((resolve, reject) => {
        const socket = connect(source, '127.0.0.1')
        socket.on('data', (chunk) => {
          bytes += chunk.length
        })
        socket.once('end', resolve)
        socket.once('error', reject)
      })
    })
    samples.push(bytes / 1000 / took)
  }
  record('port-throughput', samples)
})

const sink =
  'sub now { my $t=pack("l2",0,0); syscall(265,1,$t); my($s,$n)=unpack("l2",$t); $s*1000+$n/1e6 }' +
  'use Socket; socket(S,PF_INET,SOCK_STREAM,6); connect(S,sockaddr_in(80,inet_aton("source")));' +
  '$t=now(); $n=0; while($r=sysread(S,$b,65536)){$n+=$r} printf("%d %.3f\n",$n,now()-$t)'

test('throughput container ↔ container', async () => {
  const samples: number[] = []
  for (let index = 0; index < 4; index++) {
    const text = await output(`sink${index}`, 'debian:12-slim', ['perl', '-e', sink])
    const [, bytes = 0, took = 1] = /(\d+) ([\d.]+)\n/.exec(text)?.map(Number) ?? []
    if (index > 0) samples.push(bytes / 1000 / took)
  }
  record('link-throughput', samples)
})
