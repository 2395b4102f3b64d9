import { expect, test } from 'vitest'
import type { Clock } from '../../src/ports/clock.ts'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'
import { ScriptedMachine } from '../support/scripted-machine.ts'

interface State {
  readonly Status: string
  readonly ExitCode: number
}

const inspect = async (
  docker: Docker,
  name: string,
): Promise<{ State: State; RestartCount: number }> =>
  (await docker.request('GET', `/containers/${name}/json`)).json()

/** The engine dies with its containers, and another one opens the same stores. */
const afterCrash = ({ options }: Docker): Promise<Docker> =>
  openDocker({ ...options, machine: new ScriptedMachine() })

const policies = ['no', 'always', 'unless-stopped', 'on-failure', 'on-failure:2'] as const

/**
 * As a real dockerd 20.10 has them after it, containerd, the shims and all containers were killed with SIGKILL:
 * what ran, what the user had stopped (exit code 137), what was never started.
 */
const dockerd: Readonly<Record<(typeof policies)[number], readonly [string, string, string]>> = {
  no: ['exited 255', 'exited 137', 'created 0'],
  always: ['running 0', 'running 0', 'created 0'],
  'unless-stopped': ['running 0', 'exited 137', 'created 0'],
  'on-failure': ['running 0', 'running 0', 'created 0'],
  'on-failure:2': ['running 0', 'running 0', 'created 0'],
}

test.each(policies)('restart policy %s after the engine was killed', async (policy) => {
  await using docker = await openDocker()
  const [Name, most = '0'] = policy.split(':')
  const body = {
    Cmd: ['sleep', '1000'],
    HostConfig: { RestartPolicy: { Name, MaximumRetryCount: Number(most) } },
  }
  for (const name of ['ran', 'stopped', 'created']) await docker.create(body, name)
  for (const name of ['ran', 'stopped']) await docker.post(`/containers/${name}/start`)
  await docker.post('/containers/stopped/kill')
  await docker.post('/containers/stopped/wait')
  await using again = await afterCrash(docker)
  const seen = async (): Promise<string[]> =>
    Promise.all(
      ['ran', 'stopped', 'created'].map(async (name) => {
        const { State } = await inspect(again, name)
        return `${State.Status} ${State.ExitCode}`
      }),
    )
  await expect.poll(seen).toEqual(dockerd[policy])
  expect((await inspect(again, 'ran')).RestartCount).toBe(0)
})

test('who failed as often as its policy allows, and who ended well, stay as they are', async () => {
  await using docker = await openDocker()
  const policy = (count: number): object => ({
    RestartPolicy: { Name: 'on-failure', MaximumRetryCount: count },
  })
  await docker.create({ Cmd: ['sh', '-c', 'exit 1'], HostConfig: policy(1) }, 'failed')
  await docker.create({ Cmd: ['true'], HostConfig: policy(0) }, 'well')
  await docker.create({ Cmd: ['sleep', '1000'] }, 'paused')
  for (const name of ['failed', 'well', 'paused']) await docker.post(`/containers/${name}/start`)
  await docker.post('/containers/paused/pause')
  await expect.poll(async () => (await inspect(docker, 'failed')).State.Status).toBe('exited')
  await docker.post('/containers/well/wait')
  await using again = await afterCrash(docker)
  // A start would show by now: those that return were asked for before the engine answered.
  await again.create({ Cmd: ['true'] }, 'later')
  await again.post('/containers/later/start')
  await again.post('/containers/later/wait')
  expect((await inspect(again, 'failed')).State).toMatchObject({ Status: 'exited', ExitCode: 1 })
  expect((await inspect(again, 'well')).State).toMatchObject({ Status: 'exited', ExitCode: 0 })
  expect((await inspect(again, 'paused')).State).toMatchObject({ Status: 'exited', ExitCode: 255 })
})

test('--rm: gone with its process, and when it never had one', async () => {
  await using docker = await openDocker()
  const body = { Cmd: ['sleep', '1000'], HostConfig: { AutoRemove: true }, Volumes: { '/own': {} } }
  await docker.create(body, 'ran')
  await docker.create(body, 'created')
  await docker.post('/containers/ran/start')
  await using again = await afterCrash(docker)
  const all = async (path: string): Promise<string> => (await again.request('GET', path)).text
  await expect.poll(() => all('/containers/json?all=1')).toBe('[]\n')
  expect(JSON.parse(await all('/volumes'))).toMatchObject({ Volumes: [] })
})

test('who joins the network of another starts after it, in whatever order they were made', async () => {
  await using docker = await openDocker()
  const always = { Name: 'always' }
  const target = await docker.create(
    { Cmd: ['sleep', '1000'], HostConfig: { RestartPolicy: always } },
    'target',
  )
  for (const name of ['first', 'second']) {
    await docker.create(
      {
        Cmd: ['sleep', '1000'],
        HostConfig: { RestartPolicy: always, NetworkMode: `container:${target}` },
      },
      name,
    )
  }
  for (const name of ['target', 'first', 'second']) await docker.post(`/containers/${name}/start`)
  await docker.post('/containers/target/rename?name=zz')
  await using again = await afterCrash(docker)
  for (const name of ['zz', 'first', 'second'])
    await expect.poll(async () => (await inspect(again, name)).State.Status).toBe('running')
})

test('a volume that a container names is there, and an anonymous one stays while another has it', async () => {
  await using docker = await openDocker()
  const own = { Volumes: { '/own': {} } }
  const first = await docker.create({ ...own, HostConfig: { Binds: ['named:/n'] } }, 'first')
  const { Mounts } = (await docker.request('GET', `/containers/${first}/json`)).json<{
    Mounts: { Name: string; Destination: string }[]
  }>()
  const anonymous = Mounts.find(({ Destination }) => Destination === '/own')?.Name ?? ''
  await docker.create({ HostConfig: { Binds: [`${anonymous}:/o`] } }, 'second')
  const { records } = docker.options
  await records.commit([{ kind: 'volume', key: 'named', delete: true }])
  // Its removal had begun.
  const record = (await records.get('container', first)) as { state: object }
  const removing = {
    ...record,
    state: { ...record.state, status: 'removing' },
    removeVolumes: true,
  }
  await records.commit([{ kind: 'container', key: first, value: removing }])
  await using again = await afterCrash(docker)
  await expect
    .poll(async () => (await again.request('GET', '/containers/first/json')).status)
    .toBe(404)
  for (const name of ['named', anonymous])
    expect((await again.request('GET', `/volumes/${name}`)).status, name).toBe(200)
})

const DAY = 86_400_000

/** A host whose wall clock is set; the monotonic one goes on. */
class SetClock implements Clock {
  offset = 0
  now = (): number => nodeClock.now() + this.offset
  monotonic = (): number => nodeClock.monotonic()
  sleep = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
    nodeClock.sleep(milliseconds, signal)
  randomBytes = (length: number): Uint8Array => nodeClock.randomBytes(length)
}

test.each([
  ['forward', DAY],
  ['back', -DAY],
])('a clock that jumps a day %s breaks nothing', async (_, jump) => {
  const clock = new SetClock()
  await using docker = await openDocker({ clock })
  await docker.create({ Cmd: ['trap'] }, 'talker')
  await docker.create(
    { Cmd: ['sh', '-c', 'exit 1'], HostConfig: { RestartPolicy: { Name: 'always' } } },
    'failing',
  )
  for (const name of ['talker', 'failing']) await docker.post(`/containers/${name}/start`)
  const begun = clock.now()
  // One that waits for its end on the wall clock, a few moments from now.
  const events = docker.request('GET', `/events?until=${(begun + 500) / 1000}`)
  clock.offset = jump
  await docker.post('/containers/talker/kill?signal=10')
  await docker.post('/containers/talker/kill?signal=15')
  await docker.post('/containers/talker/wait')
  // Lines in their order, the times of their stamps never going back.
  const logs = (await docker.request('GET', '/containers/talker/logs?stdout=1&timestamps=1')).text
  const lines = [...logs.matchAll(/(\d{4}-\S+Z) (ready|got \d+)/g)].map(([, time = '', text]) => ({
    time,
    text,
  }))
  expect(lines.map(({ text }) => text)).toEqual(['ready', 'got 10', 'got 15'])
  expect(lines.map(({ time }) => time)).toEqual(lines.map(({ time }) => time).sort())
  // Back-offs are of the monotonic clock.
  const count = (await inspect(docker, 'failing')).RestartCount
  await expect
    .poll(async () => (await inspect(docker, 'failing')).RestartCount, { timeout: 10_000 })
    .toBeGreaterThan(count)
  expect((await events).status).toBe(200)
  const [listed] = (await docker.request('GET', '/containers/json?all=1&limit=2')).json<
    { Status: string }[]
  >()
  expect(listed?.Status).not.toMatch(/-\d|NaN/)
  // What is made now is the newest, whatever the clock says.
  await docker.create({ Cmd: ['true'] }, 'newest')
  const [newest] = (await docker.request('GET', '/containers/json?all=1')).json<
    { Names: string[] }[]
  >()
  expect(newest?.Names).toEqual(['/newest'])
  // Prune by age: nothing is older than two days, whichever way it went.
  const until = encodeURIComponent(JSON.stringify({ until: ['48h'] }))
  await docker.post('/containers/failing/stop?t=0')
  const kept = await docker.post<{ ContainersDeleted: string[] | null }>(
    `/containers/prune?filters=${until}`,
  )
  expect(kept.ContainersDeleted ?? []).toEqual([])
  const all = await docker.post<{ ContainersDeleted: string[] | null }>('/containers/prune')
  expect(all.ContainersDeleted).toHaveLength(3)
})
