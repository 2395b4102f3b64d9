import { expect, test } from 'vitest'
import {
  nextHealth,
  startingHealth,
  type HealthState,
} from '../../src/engine/health/health-state.ts'
import { openDocker } from '../support/docker-client.ts'
import { ScriptedMachine } from '../support/scripted-machine.ts'

const MS = 1e6

interface Inspected {
  readonly State: { readonly Health?: HealthState }
}

/** An engine with a container whose check's exit code and output a test says. */
async function watched(check: Readonly<Record<string, unknown>>, image: object = {}) {
  const answer = { code: 1, output: 'bad', hangs: false }
  const machine = new ScriptedMachine({
    check: async ({ out, killed }) => {
      await out(answer.output)
      while (answer.hangs && !killed.aborted) await new Promise((done) => setTimeout(done, 1))
      return answer.code
    },
  })
  const docker = await openDocker({ machine })
  const id = await docker.create({
    Cmd: ['trap'],
    Healthcheck: { Test: ['CMD', 'check'], Interval: 5 * MS, ...check },
    ...image,
  })
  const health = async (): Promise<HealthState | undefined> =>
    (await docker.request('GET', `/containers/${id}/json`)).json<Inspected>().State.Health
  const list = async (query = ''): Promise<{ Status: string }[]> =>
    (await docker.request('GET', `/containers/json?all=1${query}`)).json<{ Status: string }[]>()
  return { docker, machine, id, answer, health, list }
}

const filter = (status: string): string =>
  `&filters=${encodeURIComponent(JSON.stringify({ health: [status] }))}`

test('a check is run, its results are kept and told', async () => {
  const { docker, id, answer, health, list } = await watched({ Retries: 2 })
  await using _ = docker
  expect(await health()).toBeUndefined()
  expect(await list(filter('none'))).toHaveLength(1)
  const since = Date.now() / 1000
  await docker.post(`/containers/${id}/start`)
  expect(await health()).toMatchObject({ Status: 'starting', FailingStreak: 0 })
  expect((await list())[0]?.Status).toMatch(/^Up .* \(health: starting\)$/)
  await expect.poll(async () => (await health())?.Status).toBe('unhealthy')
  expect((await list())[0]?.Status).toMatch(/^Up .* \(unhealthy\)$/)
  await expect.poll(async () => (await health())?.Log.length).toBe(5)
  expect((await health())?.Log[0]).toMatchObject({ ExitCode: 1, Output: 'bad' })
  Object.assign(answer, { code: 0, output: 'x'.repeat(5000) })
  await expect.poll(async () => (await health())?.Status).toBe('healthy')
  expect(await health()).toMatchObject({ FailingStreak: 0 })
  expect((await health())?.Log.at(-1)?.Output).toBe(`${'x'.repeat(4096)}...`)
  expect(await list(filter('healthy'))).toHaveLength(1)
  expect(await list(filter('unhealthy'))).toHaveLength(0)
  await docker.post(`/containers/${id}/pause`)
  expect((await health())?.Status).toBe('unhealthy')
  expect((await list())[0]?.Status).toMatch(/\(Paused\)$/)
  await docker.post(`/containers/${id}/unpause`)
  await expect.poll(async () => (await health())?.Status).toBe('healthy')
  await docker.post(`/containers/${id}/stop?t=0`)
  expect(await health()).toMatchObject({ Status: 'unhealthy', FailingStreak: 0 })
  const log = (await health())?.Log
  expect(log).toHaveLength(5)
  await docker.post(`/containers/${id}/start`)
  expect(await health()).toEqual({ Status: 'starting', FailingStreak: 0, Log: log })
  const until = Date.now() / 1000 + 1
  const events = await docker.request('GET', `/events?since=${since}&until=${until}`)
  const actions = events.text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { Action: string }).Action)
  expect(actions.filter((action) => action.startsWith('health_status')).slice(0, 3)).toEqual([
    'health_status: unhealthy',
    'health_status: healthy',
    'health_status: healthy',
  ])
  const first = actions.indexOf('exec_create: check ')
  expect(actions.slice(first, first + 3)).toEqual([
    'exec_create: check ',
    'exec_start: check ',
    'exec_die',
  ])
})

test('a check that hangs is killed after its timeout, one that is missing fails', async () => {
  const hanging = await watched({ Timeout: 20 * MS, Retries: 1 })
  await using _ = hanging.docker
  hanging.answer.hangs = true
  await hanging.docker.post(`/containers/${hanging.id}/start`)
  await expect.poll(async () => (await hanging.health())?.Status).toBe('unhealthy')
  expect((await hanging.health())?.Log[0]).toMatchObject({
    ExitCode: -1,
    Output: 'Health check exceeded timeout (20ms): bad',
  })
  const missing = await watched({ Test: ['CMD', 'nosuch'], Retries: 1 })
  await using __ = missing.docker
  await missing.docker.post(`/containers/${missing.id}/start`)
  await expect.poll(async () => (await missing.health())?.Status).toBe('unhealthy')
  expect((await missing.health())?.Log[0]).toMatchObject({
    ExitCode: -1,
    Output: expect.stringContaining('OCI runtime exec failed: exec failed:') as string,
  })
})

test.each([[['NONE']], [['BOGUS', 'x']], [[]]])('%j is no check', async (Test) => {
  const { docker, id, health, list } = await watched({ Test })
  await using _ = docker
  await docker.post(`/containers/${id}/start`)
  expect(await health()).toBeUndefined()
  expect((await list())[0]?.Status).toMatch(/^Up [^(]*$/)
})

test('failures of the start period do not count, a success ends it', () => {
  const result = (ExitCode: number) => ({ Start: '', End: '', ExitCode, Output: '' })
  const sparing = { retries: 1, sparing: true }
  const spared = nextHealth(startingHealth(undefined), result(1), sparing)
  expect(spared).toMatchObject({ Status: 'starting', FailingStreak: 0, Log: [result(1)] })
  const healthy = nextHealth(spared, result(0), sparing)
  expect(healthy.Status).toBe('healthy')
  expect(nextHealth(healthy, result(2), sparing)).toMatchObject({
    Status: 'unhealthy',
    FailingStreak: 1,
  })
})

test.each([
  [{ Interval: 1000 }, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ Timeout: -5 }, 'Timeout in Healthcheck cannot be less than 1ms'],
  [{ StartPeriod: 10 }, 'StartPeriod in Healthcheck cannot be less than 1ms'],
  [{ StartInterval: 10 }, 'StartInterval in Healthcheck cannot be less than 1ms'],
  [{ Retries: -1 }, 'Retries in Healthcheck cannot be negative'],
])('%j is refused', async (check, reason) => {
  await using docker = await openDocker()
  const body = { Image: 'demo', Healthcheck: { Test: ['CMD', 'true'], ...check } }
  const answer = await docker.request('POST', '/containers/create', { body })
  expect([answer.status, answer.json<{ message: string }>().message]).toEqual([400, reason])
})
