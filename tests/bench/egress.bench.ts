import { afterAll, beforeAll, test } from 'vitest'
import { hostAddress } from '../../src/core/guest-egress.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { startPeer, type TestPeer } from '../support/relay.ts'
import { ApiRequests } from './api-requests.ts'
import { record } from './record.ts'

// The way out of a container, to a server on the loopback of this machine: direct, as `drydock serve` has it.

let server: HeadlessServer
let api: ApiRequests
let peer: TestPeer
const bytes = Buffer.alloc(64 * 1024)
const total = 32 * 1024 * 1024

beforeAll(async () => {
  // Who sends a byte gets 32 MiB; others an end.
  peer = await startPeer((socket) => {
    socket.once('end', () => socket.end())
    socket.once('data', () => {
      let left = total
      const more = (): void => {
        while (left > 0) {
          left -= bytes.length
          if (!socket.write(bytes)) return void socket.once('drain', more)
        }
        socket.end()
      }
      more()
    })
  })
  server = await startServer(undefined, [], ['--allow', `localhost:${peer.port}`])
  api = new ApiRequests(server.socket)
  await api.drain('POST', '/images/create?fromImage=debian&tag=12-slim')
})

afterAll(async () => {
  api[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
  await peer[Symbol.asyncDispose]()
})

/** What a perl script in a container on the default bridge prints. */
async function output(script: string): Promise<string> {
  const { Id } = await api.json<{ Id: string }>('POST', '/containers/create', {
    Image: 'debian:12-slim',
    Cmd: ['perl', '-e', script],
  })
  await api.json('POST', `/containers/${Id}/start`)
  await api.json('POST', `/containers/${Id}/wait`)
  const text = await api.drain('GET', `/containers/${Id}/logs?stdout=1`)
  await api.json('DELETE', `/containers/${Id}?force=1`)
  return text
}

// clock_gettime(CLOCK_MONOTONIC): the image has no Time::HiRes.
const head = (): string =>
  'sub now { my $t=pack("l2",0,0); syscall(265,1,$t); my($s,$n)=unpack("l2",$t); $s*1000+$n/1e6 }' +
  `use Socket; $to=sockaddr_in(${peer.port},inet_aton("${hostAddress}"));` +
  'sub reach { socket($S,PF_INET,SOCK_STREAM,6); connect($S,$to) or die "no: $!"; }'

test('connect', async () => {
  const text = await output(
    `${head()} for($i=0;$i<140;$i++){ $t=now(); reach(); printf("%.3f\\n",now()-$t) if $i>=40; close($S) }`,
  )
  record('egress-connect', text.match(/\d+\.\d+/g)?.map(Number) ?? [])
})

test('throughput', async () => {
  const samples: number[] = []
  for (let index = 0; index < 4; index++) {
    const text = await output(
      `${head()} reach(); syswrite($S,"x"); $t=now(); $n=0; while($r=sysread($S,$b,65536)){$n+=$r} printf("%d %.3f\\n",$n,now()-$t)`,
    )
    const [, got = 0, took = 1] = /(\d+) ([\d.]+)\n/.exec(text)?.map(Number) ?? []
    if (got !== total) throw new Error(`${got} of ${total} bytes came`)
    if (index > 0) samples.push(got / 1000 / took)
  }
  record('egress-throughput', samples)
})
