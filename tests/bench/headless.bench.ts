import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { ApiRequests, execTrue, runTrue, timed } from './api-requests.ts'
import { percentile } from './figures.ts'
import { record } from './record.ts'

let server: HeadlessServer
let api: ApiRequests
const peerAddress = process.env['DRYDOCK_BENCH_PEER']
const peer = peerAddress ? new ApiRequests(peerAddress.replace(/^unix:\/\//, '')) : undefined

beforeAll(async () => {
  server = await startServer()
  api = new ApiRequests(server.socket)
  await api.drain('POST', '/images/create?fromImage=busybox&tag=latest')
})

afterAll(async () => {
  api[Symbol.dispose]()
  peer?.[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
})

/** CPU time of the server's process in milliseconds (proc(5), stat: utime and stime in ticks of 10 ms). */
function cpuTime(): number {
  const fields = readFileSync(`/proc/${server.process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')
  return (Number(fields?.[11]) + Number(fields?.[12])) * 10
}

test('first run after a restore', async () => {
  const samples: number[] = []
  for (let index = 0; index < 5; index++) {
    await using fresh = await startServer(undefined)
    using requests = new ApiRequests(fresh.socket)
    await requests.drain('POST', '/images/create?fromImage=busybox&tag=latest')
    samples.push(...(await timed(1, () => runTrue(requests))))
  }
  record('run-first', samples)
})

test('run, and the same of the peer in turns', async () => {
  await timed(30, () => runTrue(api))
  if (peer) await timed(3, () => runTrue(peer))
  const own: number[] = []
  const other: number[] = []
  for (let index = 0; index < 40; index++) {
    own.push(...(await timed(1, () => runTrue(api))))
    if (peer) other.push(...(await timed(1, () => runTrue(peer))))
  }
  record('run', own)
  if (peer)
    record(
      'run-peer-half',
      own.map((value) => (100 * value) / percentile(other, 0.5)),
    )
})

test('exec, and the same of the peer in turns', async () => {
  const start = async (requests: ApiRequests): Promise<string> => {
    const { Id } = await requests.json<{ Id: string }>('POST', '/containers/create', {
      Image: 'busybox',
      Cmd: ['sleep', '1000'],
      HostConfig: { NetworkMode: 'none' },
    })
    await requests.json('POST', `/containers/${Id}/start`)
    return Id
  }
  const own = await start(api)
  const others = peer ? await start(peer) : undefined
  await timed(30, () => execTrue(api, own))
  const samples: number[] = []
  const peers: number[] = []
  for (let index = 0; index < 40; index++) {
    samples.push(...(await timed(1, () => execTrue(api, own))))
    if (peer && others) peers.push(...(await timed(1, () => execTrue(peer, others))))
  }
  record('exec', samples)
  if (peer)
    record(
      'exec-peer-half',
      samples.map((value) => (100 * value) / percentile(peers, 0.5)),
    )
  await api.json('DELETE', `/containers/${own}?force=1`)
  if (peer && others) await peer.json('DELETE', `/containers/${others}?force=1`)
})

test('list of 10 containers', async () => {
  const ids = await Promise.all(
    Array.from({ length: 10 }, () =>
      api.json<{ Id: string }>('POST', '/containers/create', { Image: 'busybox' }),
    ),
  )
  await timed(20, () => api.json('GET', '/containers/json?all=1'))
  const samples = await timed(50, async () => {
    expect(await api.json<unknown[]>('GET', '/containers/json?all=1')).toHaveLength(10)
  })
  record('list', samples)
  for (const { Id } of ids) await api.json('DELETE', `/containers/${Id}`)
})

test('pull of debian:12-slim', async () => {
  const samples: number[] = []
  for (let index = 0; index < 20; index++) {
    samples.push(
      ...(await timed(1, () => api.drain('POST', '/images/create?fromImage=debian&tag=12-slim'))),
    )
    await api.json('DELETE', '/images/debian:12-slim')
  }
  record('pull', samples)
})

test('idle', async () => {
  // Longer than any rehearsal after the last command.
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  const samples: number[] = []
  for (let index = 0; index < 20; index++) {
    const before = cpuTime()
    const started = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    samples.push((100 * (cpuTime() - before)) / (performance.now() - started))
  }
  record('idle', samples)
})
