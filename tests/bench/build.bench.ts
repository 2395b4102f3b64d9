import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TRACE_HEADER, TRACE_ID, type BuildTrace } from '../../src/core/build-trace.ts'
import { startHeadless } from '../../src/hosts/node/headless.ts'
import { build, call } from '../support/build-images.ts'
import { processSpec } from '../support/container-spec.ts'
import { finish } from '../support/guest.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { tarOf } from '../support/image-registry.ts'
import { timed } from './api-requests.ts'
import { percentile } from './figures.ts'
import { record } from './record.ts'

let server: HeadlessServer
const peer = process.env['DRYDOCK_BENCH_PEER']?.replace(/^unix:\/\//, '')
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

beforeAll(async () => {
  server = await startServer()
  await call(server.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
}, 180_000)

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

let count = 0

/** Another file each time, so that the cache has only what the base is. */
const fourSteps = (): Uint8Array =>
  tarOf({
    Dockerfile: 'FROM busybox\nWORKDIR /app\nCOPY f .\nRUN cat f > g\nCMD ["cat", "g"]\n',
    f: `${++count} ${Date.now()}`,
  })

async function checked(socket: string, tar: Uint8Array, query = {}): Promise<void> {
  const built = await build(socket, tar, { t: 'bench', ...query })
  expect(built.error).toBeUndefined()
}

test('four steps, cold and cached, and the same of the peer in turns', async () => {
  await timed(10, () => checked(server.socket, fourSteps()))
  const own: number[] = []
  const other: number[] = []
  const cached: number[] = []
  for (let index = 0; index < 20; index++) {
    const tar = fourSteps()
    own.push(...(await timed(1, () => checked(server.socket, tar))))
    cached.push(...(await timed(1, () => checked(server.socket, tar))))
    if (peer !== undefined) {
      other.push(...(await timed(1, () => checked(peer, tar, { networkmode: 'none' }))))
    }
  }
  record('build', own)
  record('build-cached', cached)
  if (peer !== undefined) {
    record(
      'build-peer',
      own.map((value) => (100 * value) / percentile(other, 0.5)),
    )
  }
}, 300_000)

test('twelve steps in three stages, a file of the last edited', async () => {
  const Dockerfile = [
    'FROM busybox AS tools',
    'WORKDIR /tools',
    'RUN echo tool > tool',
    'FROM busybox AS app',
    'COPY --from=tools /tools /tools',
    'COPY main .',
    'RUN cat main /tools/tool > program',
    'FROM busybox',
    'WORKDIR /srv',
    'COPY --from=app /program .',
    'COPY config .',
    'RUN cat program config > all',
    '',
  ].join('\n')
  const samples: number[] = []
  for (let index = 0; index < 12; index++) {
    const tar = tarOf({ Dockerfile, main: 'main\n', config: `${index} ${Date.now()}\n` })
    const [time = 0] = await timed(1, () => checked(server.socket, tar))
    if (index > 1) samples.push(time)
  }
  record('build-edit', samples)
}, 300_000)

test('a context of 5,000 files, unchanged, from the home of the guest', async () => {
  const data = mkdtempSync(join(tmpdir(), 'drydock-bench-context-'))
  {
    await using headless = await startHeadless({ data })
    let shells = 0
    const shell = async (script: string): Promise<string> => {
      const process = await headless.machine.processes.runOnHost({
        host: `bench-${++shells}`,
        process: processSpec(['bash', '-c', script], { cwd: '/root', env: ['HOME=/root', PATH] }),
      })
      const { stdout, stderr, exit } = await finish(process)
      expect([exit, stderr]).toEqual([expect.objectContaining({ code: 0 }), ''])
      return stdout.trim()
    }
    await shell(
      'mkdir all && cd all && for i in $(seq 50); do mkdir d$i && head -c 1000000 /dev/urandom | split -b 10000 - d$i/f; done; printf "FROM busybox\\nCOPY . /all\\n" > Dockerfile',
    )
    expect(await shell('find all -type f | wc -l; du -sb all | cut -c1-2')).toBe('5001\n50')
    const built = await shell('docker build -q all')
    const samples = await timed(8, async () => {
      expect(await shell('docker build -q all')).toBe(built)
    })
    record('build-context', samples)
  }
  rmSync(data, { recursive: true, force: true })
}, 400_000)

/** What a build's trace tells. */
async function traces(dockerfile: string): Promise<readonly BuildTrace[]> {
  const answer = await call(
    server.socket,
    'POST',
    '/build?nocache=1',
    tarOf({ Dockerfile: dockerfile }),
    {
      [TRACE_HEADER]: '1',
    },
  )
  return new TextDecoder()
    .decode(answer.bytes)
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly id?: string; readonly aux?: BuildTrace })
    .flatMap(({ id, aux }) => (id === TRACE_ID && aux ? [aux] : []))
}

/** Milliseconds that a RUN took beyond the time between its first and its last word. */
async function beyond(command: string): Promise<number> {
  const all = await traces(`FROM busybox\nRUN echo begin; ${command}; echo end\n`)
  const vertex = all.find((trace) => trace.kind === 'vertex' && trace.name.includes('] RUN'))
  if (vertex?.kind !== 'vertex') throw new Error('there was no RUN')
  const own = all.filter((trace) => 'vertex' in trace && trace.vertex === vertex.vertex)
  const words = own.flatMap((trace) => (trace.kind === 'log' ? [trace.time] : []))
  const done = own.find(({ kind }) => kind === 'done')
  if (done?.kind !== 'done' || done.error !== undefined) throw new Error('RUN failed')
  return done.time - vertex.time - ((words.at(-1) ?? 0) - (words[0] ?? 0))
}

test('RUN beyond its command', async () => {
  await timed(5, () => beyond('true'))
  const samples: number[] = []
  for (let index = 0; index < 20; index++) samples.push(await beyond('true'))
  record('build-run', samples)
}, 300_000)

test('RUN that writes 2,000 files', async () => {
  const samples: number[] = []
  for (let index = 0; index < 3; index++) {
    samples.push(
      await beyond(
        'mkdir /many; head -c 20000 /dev/urandom > /many/0; i=1; while [ $i -lt 2000 ]; do cp /many/0 /many/$i; i=$((i+1)); done',
      ),
    )
  }
  record('build-layer', samples)
}, 300_000)
