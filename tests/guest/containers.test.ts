import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { CatalogTransport } from '../../src/storage/catalog.ts'
import { openEngine, type TestEngine } from '../support/api-client.ts'
import { catalogFiles } from '../support/catalog-files.ts'
import { hijack } from '../support/docker-client.ts'
import { startMachine } from '../support/guest.ts'
import { ImageRegistry } from '../support/image-registry.ts'

let machine: GuestMachine
let docker: TestEngine

beforeAll(async () => {
  machine = await startMachine()
  docker = await openEngine({
    machine,
    registry: new CatalogTransport(catalogFiles.open, new ImageRegistry()),
  })
  const pulled = await docker.request('POST', '/images/create?fromImage=busybox&tag=latest')
  expect(pulled.text).toContain('Downloaded newer image')
}, 120_000)

afterAll(async () => {
  await docker[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
})

const post = async (path: string, body?: unknown): Promise<unknown> => {
  const answer = await docker.request('POST', path, body === undefined ? {} : { body })
  if (answer.status >= 400) throw new Error(`${answer.status} ${answer.text}`)
  return answer.text === '' ? undefined : answer.json()
}

const create = async (
  command: readonly string[],
  host: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
): Promise<string> => {
  const body = {
    Image: 'busybox',
    Cmd: command,
    HostConfig: { NetworkMode: 'none', ...host },
    ...config,
  }
  return ((await post('/containers/create', body)) as { Id: string }).Id
}

/** `docker run`, to its end: output and exit code. */
async function run(
  command: readonly string[],
  host: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly out: string; readonly err: string; readonly code: number }> {
  const id = await create(command, { AutoRemove: true, ...host }, config)
  const stream = await hijack(docker.handler, `/containers/${id}/attach?stream=1&stdout=1&stderr=1`)
  const exit = post(`/containers/${id}/wait?condition=removed`)
  await post(`/containers/${id}/start`)
  const { StatusCode: code } = (await exit) as { StatusCode: number }
  const { stdout, stderr } = await stream.output
  return { out: stdout, err: stderr, code }
}

const sh = (script: string): string[] => ['sh', '-c', script]

interface Inspect {
  readonly State: Readonly<Record<string, unknown>>
}

const stateOf = async (id: string): Promise<Inspect['State']> =>
  (await docker.request('GET', `/containers/${id}/json`)).json<Inspect>().State

test('run --rm busybox echo hi', async () => {
  expect(await run(['echo', 'hi'])).toEqual({ out: 'hi\n', err: '', code: 0 })
  expect((await run(sh('echo oops >&2; exit 3'))).code).toBe(3)
})

test('what Docker gives a container is what it finds', async () => {
  const { out } = await run(
    sh(
      'hostname; id; pwd; echo $PATH; cat /etc/hosts | head -1; cat /etc/hostname; ' +
        'grep -E "^(Cap(Eff|Bnd)|NoNewPrivs|Seccomp):" /proc/self/status; ' +
        'ls -d /proc/kcore /sys/firmware; touch /sys/x; mount | wc -l; ls /dev | sort | tr "\\n" " "; ' +
        'dd if=/proc/kcore bs=1 count=1 2>/dev/null | wc -c; ps | wc -l; ip -o link | wc -l',
    ),
    {},
    { Hostname: 'box', WorkingDir: '/tmp' },
  )
  const lines = out.split('\n')
  expect(lines.slice(0, 6)).toEqual([
    'box',
    'uid=0(root) gid=0(root) groups=0(root),10(wheel)',
    '/tmp',
    '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    '127.0.0.1\tlocalhost',
    'box',
  ])
  expect(out).toContain('CapEff:\t00000000a80425fb')
  expect(out).toContain('CapBnd:\t00000000a80425fb')
  expect(out).toContain('Seccomp:\t2')
})

test('seccomp lets programs live and forbids the rest', async () => {
  const { out, err } = await run(
    sh('mkdir /m; mount -t tmpfs none /m; echo $?; unshare -n true; echo $?'),
  )
  expect(out).toBe('1\n1\n')
  expect(err).toContain('permission denied')
  const free = await run(
    sh('mkdir /m; mount -t tmpfs none /m; echo $?; grep Seccomp: /proc/self/status'),
    {
      Privileged: true,
    },
  )
  expect(free.out).toBe('0\nSeccomp:\t0\n')
})

test('users, capabilities, read-only, tmpfs, init', async () => {
  expect((await run(['id', '-u'], {}, { User: '1000:50' })).out).toBe('1000\n')
  expect((await run(sh('chown 1 /tmp; echo $?'), { CapDrop: ['ALL'] })).out).toBe('1\n')
  const readonly = await run(sh('touch /x; echo $?; touch /data/x; echo $?'), {
    ReadonlyRootfs: true,
    Tmpfs: { '/data': 'size=1m' },
  })
  expect(readonly.out).toBe('1\n0\n')
  expect((await run(sh('cat /proc/1/comm'), { Init: true })).out).toContain('docker-init')
})

test('a command that is missing', async () => {
  const id = await create(['nosuch'])
  const answer = await docker.request('POST', `/containers/${id}/start`)
  expect([answer.status, answer.json()]).toEqual([
    400,
    {
      message:
        'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "nosuch": executable file not found in $PATH',
    },
  ])
  expect((await stateOf(id))['ExitCode']).toBe(127)
  const denied = await create(['/etc'])
  expect((await docker.request('POST', `/containers/${denied}/start`)).status).toBe(400)
  expect((await stateOf(denied))['ExitCode']).toBe(126)
})

test('stop, start again with the files written before, restart', async () => {
  const id = await create(
    sh('trap "exit 5" TERM; date >> /runs; echo up; while :; do sleep 0.1; done'),
  )
  await post(`/containers/${id}/start`)
  await expect
    .poll(async () => (await docker.request('GET', `/containers/${id}/logs?stdout=1`)).text)
    .toContain('up')
  await post(`/containers/${id}/stop`)
  expect((await stateOf(id))['ExitCode']).toBe(5)
  await post(`/containers/${id}/start`)
  const { Id: exec } = (await post(`/containers/${id}/exec`, {
    AttachStdout: true,
    Cmd: ['wc', '-l', '/runs'],
  })) as { Id: string }
  const stream = await hijack(docker.handler, `/exec/${exec}/start`, {})
  expect((await stream.output).stdout).toBe('2 /runs\n')
  await post(`/containers/${id}/restart?t=0`)
  expect((await stateOf(id))['Status']).toBe('running')
  await docker.request('DELETE', `/containers/${id}?force=1`)
})

test('a terminal, its size, exec in it', async () => {
  const id = await create(
    ['sh'],
    { ConsoleSize: [30, 100] },
    { Tty: true, OpenStdin: true, StdinOnce: true, AttachStdin: true },
  )
  const stream = await hijack(
    docker.handler,
    `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`,
  )
  const exit = post(`/containers/${id}/wait`)
  await post(`/containers/${id}/start`)
  await stream.send('stty size; echo $TERM\n')
  await expect.poll(() => stream.seen()).toMatch(/30 100[^]*xterm/)
  await post(`/containers/${id}/resize?h=40&w=120`)
  await stream.send('stty size\n')
  await expect.poll(() => stream.seen()).toContain('40 120')
  await stream.send('exit 4\n')
  await exit
  await stream.output
  expect((await stateOf(id))['ExitCode']).toBe(4)
})

test('limits: memory, processes, processor', { timeout: 90_000 }, async () => {
  const greedy = await create(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1'], {
    Memory: 16 << 20,
    MemorySwap: 16 << 20,
  })
  await post(`/containers/${greedy}/start`)
  await post(`/containers/${greedy}/wait`)
  expect(await stateOf(greedy)).toMatchObject({ ExitCode: 137, OOMKilled: true })
  const forks = await run(sh('i=0; while [ $i -lt 20 ]; do sleep 1 & i=$((i+1)); done; wait'), {
    PidsLimit: 8,
  })
  expect(forks.err).toContain("can't fork")
  const busy = await create(sh('while :; do :; done'), { NanoCpus: 0.25e9 })
  await post(`/containers/${busy}/start`)
  const sample = async (): Promise<{ used: number; all: number }> => {
    const answer = await docker.request('GET', `/containers/${busy}/stats?stream=0&one-shot=1`)
    const { cpu_stats: cpu } = answer.json<{
      cpu_stats: { cpu_usage: { total_usage: number } }
    }>()
    return { used: cpu.cpu_usage.total_usage, all: nodeClock.monotonic() * 1e6 }
  }
  // Against the wall clock: on a busy host the guest's own loses ticks.
  const from = await sample()
  await nodeClock.sleep(4000)
  const to = await sample()
  const used = to.used - from.used
  const all = to.all - from.all
  expect(used / all).toBeGreaterThan(0.2)
  expect(used / all).toBeLessThan(0.3)
  const top = (await docker.request('GET', `/containers/${busy}/top`)).json<{
    Processes: string[][]
  }>()
  expect(top.Processes[0]?.at(-1)).toContain('while :')
  expect(await stateOf(busy)).toMatchObject({ Status: 'running', Error: '' })
  await post(`/containers/${busy}/pause`)
  await post(`/containers/${busy}/kill`)
  expect((await stateOf(busy))['Status']).toBe('exited')
})
