import { expect, test } from 'vitest'
import type { EventMessage } from '../../src/core/engine-api.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'

const attach = 'stream=1&stdout=1&stderr=1'

interface Inspect {
  readonly State: {
    readonly Status: string
    readonly Running: boolean
    readonly ExitCode: number
    readonly OOMKilled: boolean
    readonly Error: string
    readonly StartedAt: string
  }
  readonly RestartCount: number
  readonly Name: string
}

const inspect = async (docker: Docker, id: string): Promise<Inspect> =>
  (await docker.request('GET', `/containers/${id}/json`)).json<Inspect>()

/** What the CLI does for `docker run`. */
async function run(docker: Docker, body: Readonly<Record<string, unknown>>) {
  const id = await docker.create(body)
  const stdin = body['AttachStdin'] === true ? '&stdin=1' : ''
  const stream = await docker.hijack(`/containers/${id}/attach?${attach}${stdin}`)
  const exit = docker.post<{ StatusCode: number }>(`/containers/${id}/wait?condition=next-exit`)
  await docker.post(`/containers/${id}/start`)
  return { id, stream, exit }
}

const events = async (docker: Docker, id: string): Promise<string[]> => {
  const answer = await docker.request('GET', `/events?since=1&until=${Date.now() / 1000 + 0.05}`)
  return answer
    .lines<EventMessage>()
    .filter(({ Actor }) => Actor.ID === id || Actor.Attributes['container'] === id)
    .map(({ Type, Action }) => (Type === 'container' ? Action : `${Type} ${Action}`))
}

test('create, attach, start, wait, logs, remove', async () => {
  await using docker = await openDocker()
  const { id, stream, exit } = await run(docker, { Cmd: ['both'] })
  expect(stream.status).toBe(101)
  expect(stream.contentType).toBe('application/vnd.docker.multiplexed-stream')
  await stream.end()
  expect(await exit).toEqual({ StatusCode: 0 })
  expect(await stream.output).toEqual({ stdout: 'out\n', stderr: 'err\n' })
  const logs = await docker.request('GET', `/containers/${id}/logs?stdout=1`)
  expect(logs.text.slice(8)).toBe('out\n')
  expect((await docker.request('DELETE', `/containers/${id}`)).status).toBe(204)
  expect((await docker.request('GET', `/containers/${id}/json`)).status).toBe(404)
  expect(docker.machine.containers.deleted).toEqual([id])
  expect(await events(docker, id)).toEqual([
    'create',
    'attach',
    'network connect',
    'start',
    'network disconnect',
    'die',
    'destroy',
  ])
})

test('--rm answers wait=removed with the exit code', async () => {
  await using docker = await openDocker()
  const id = await docker.create({
    Cmd: ['sh', '-c', 'exit 3'],
    HostConfig: { NetworkMode: 'none', AutoRemove: true },
  })
  const removed = docker.post(`/containers/${id}/wait?condition=removed`)
  await docker.post(`/containers/${id}/start`)
  expect(await removed).toEqual({ StatusCode: 3 })
  expect((await docker.request('GET', `/containers/${id}/json`)).status).toBe(404)
})

test('the head of wait comes before the start', async () => {
  await using docker = await openDocker()
  const id = await docker.create({})
  const response = await docker.handler({
    method: 'POST',
    path: `/v1.51/containers/${id}/wait?condition=next-exit`,
    headers: {},
    signal: new AbortController().signal,
    id: 'wait',
  })
  expect(response.status).toBe(200)
  await docker.post(`/containers/${id}/start`)
  expect(await new Response(response.body ?? null).text()).toBe('{"StatusCode":0}\n')
})

test('stdin reaches the process and its end ends it', async () => {
  await using docker = await openDocker()
  const { stream, exit } = await run(docker, {
    Cmd: ['cat'],
    AttachStdin: true,
    OpenStdin: true,
    StdinOnce: true,
  })
  await stream.send('one')
  await stream.send('two')
  await stream.end()
  expect(await exit).toEqual({ StatusCode: 0 })
  expect(await stream.output).toEqual({ stdout: 'onetwo', stderr: '' })
})

test('a terminal is raw, and ctrl-p ctrl-q leaves it running', async () => {
  await using docker = await openDocker()
  const { id, stream } = await run(docker, {
    Cmd: ['cat'],
    Tty: true,
    AttachStdin: true,
    OpenStdin: true,
    StdinOnce: true,
  })
  expect(stream.contentType).toBe('application/vnd.docker.raw-stream')
  await stream.send('a\x10b')
  await stream.send('\x10\x11')
  expect((await stream.output).stdout).toBe('a\x10b')
  expect((await inspect(docker, id)).State.Status).toBe('running')
  await expect.poll(() => events(docker, id)).toContain('detach')
  const again = await docker.hijack(`/containers/${id}/attach?${attach}&stdin=1`)
  await again.send('c')
  await expect.poll(() => again.seen()).toBe('c')
  await docker.post(`/containers/${id}/kill`)
  expect((await inspect(docker, id)).State.ExitCode).toBe(137)
})

test('a client that vanishes leaves the container alone', async () => {
  await using docker = await openDocker()
  const { id, stream, exit } = await run(docker, { Cmd: ['yes'] })
  await expect.poll(() => stream.seen().length).toBeGreaterThan(5000)
  stream.vanish()
  expect((await inspect(docker, id)).State.Running).toBe(true)
  await docker.post(`/containers/${id}/kill`)
  expect(await exit).toEqual({ StatusCode: 137 })
})

test('a command that is missing or not executable', async () => {
  await using docker = await openDocker()
  const missing = await docker.create({ Cmd: ['nosuch'] })
  const answer = await docker.request('POST', `/containers/${missing}/start`)
  expect(answer.status).toBe(400)
  expect(answer.json()).toEqual({
    message:
      'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "nosuch": executable file not found in $PATH',
  })
  const { State: state } = await inspect(docker, missing)
  expect(state).toMatchObject({
    Status: 'created',
    ExitCode: 127,
    StartedAt: '0001-01-01T00:00:00Z',
  })
  const denied = await docker.create({ Cmd: ['/etc'] })
  expect((await docker.request('POST', `/containers/${denied}/start`)).status).toBe(400)
  expect((await inspect(docker, denied)).State.ExitCode).toBe(126)
})

test('users come from the image', async () => {
  await using docker = await openDocker()
  const { stream, exit } = await run(docker, { Cmd: ['id'], User: 'ada' })
  await exit
  expect(JSON.parse((await stream.output).stdout)).toEqual({
    uid: 1000,
    gid: 1001,
    additionalGids: [1001, 10],
  })
  const id = await docker.create({ User: 'nosuch' })
  await expect(docker.post(`/containers/${id}/start`)).rejects.toThrow(
    '500 unable to find user nosuch: no matching entries in passwd file',
  )
})

test("Docker's sentences", async () => {
  await using docker = await openDocker()
  const id = await docker.create({ Cmd: ['sleep', '100'] }, 'pa')
  await docker.post('/containers/pa/start')
  const other = await docker.create({}, 'pb')
  const message = async (method: string, path: string, body?: unknown): Promise<string> => {
    const answer = await docker.request(method, path, body === undefined ? {} : { body })
    return `${answer.status} ${answer.text === '' ? '' : answer.json<{ message: string }>().message}`
  }
  expect(await message('POST', '/containers/pa/start')).toBe('304 ')
  expect(await message('POST', '/containers/pb/stop')).toBe('304 ')
  expect(await message('POST', '/containers/pb/kill')).toBe(
    `409 cannot kill container: pb: container ${other} is not running`,
  )
  expect(await message('DELETE', '/containers/pa')).toBe(
    '409 cannot remove container "pa": container is running: stop the container before removing or force remove',
  )
  expect(await message('POST', '/containers/create?name=pa', { Image: 'demo' })).toBe(
    `409 Conflict. The container name "/pa" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  )
  expect(await message('POST', '/containers/create?name=/bad%5Ename', { Image: 'demo' })).toBe(
    '400 Invalid container name (/bad^name), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
  )
  expect(await message('POST', '/containers/create', { Image: 'nosuch' })).toBe(
    '404 No such image: nosuch:latest',
  )
  expect(await message('POST', '/containers/create', {})).toBe(
    '400 config cannot be empty in order to create a container',
  )
  expect(
    await message('POST', '/containers/create', { Image: 'demo', HostConfig: { Memory: 1 } }),
  ).toBe('400 Minimum memory limit allowed is 6MB')
  expect(await message('POST', '/containers/pb/pause')).toBe(
    `409 container ${other} is not running`,
  )
  expect(await message('POST', '/containers/pa/unpause')).toBe(`500 Container ${id} is not paused`)
  expect(await message('POST', '/containers/pa/exec', {})).toBe('400 No exec command specified')
  expect(await message('POST', '/containers/nope/wait')).toBe('404 No such container: nope')
  expect(await message('POST', '/containers/pa/wait?condition=bogus')).toBe(
    '400 invalid condition: "bogus"',
  )
  expect(await message('GET', '/containers/pa/logs')).toBe(
    '400 Bad parameters: you must choose at least one stream',
  )
  expect(await message('GET', '/containers/json?filters=%7B%22bogus%22%3A%5B%22x%22%5D%7D')).toBe(
    "400 invalid filter 'bogus'",
  )
  expect(await message('GET', '/containers/json?limit=x')).toBe(
    '500 strconv.Atoi: parsing "x": invalid syntax',
  )
  expect(await message('POST', '/containers/pb/rename?name=pa')).toContain(
    '409 Error when allocating new name: Conflict.',
  )
  expect(await message('POST', '/containers/pb/rename?name=')).toBe(
    '400 Neither old nor new names may be empty',
  )
  expect(await message('POST', '/containers/pa/update', { RestartPolicy: { Name: 'bogus' } })).toBe(
    "400 invalid restart policy: unknown policy 'bogus'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  )
  expect(await message('POST', '/exec/nope/start', {})).toBe('404 No such exec instance: nope')
})

const wrongTypes = [1.5, 'x', true, [5], [null], [{}], { a: 5 }, { a: [5] }, { Name: 5 }]
const go = 'invalid JSON: json: cannot unmarshal'

test('whatever a client sends is refused in words, or works', async () => {
  await using docker = await openDocker()
  const create = (body: unknown) => docker.request('POST', '/containers/create', { body })
  const image = { Image: 'demo', Cmd: ['true'] }
  for (const [body, message] of [
    [
      { ...image, HostConfig: { Memory: 'x' } },
      `string into Go struct field HostConfig.HostConfig.Memory of type int64`,
    ],
    [
      { ...image, HostConfig: { Memory: 1.5 } },
      `number 1.5 into Go struct field HostConfig.HostConfig.Memory of type int64`,
    ],
    [{ ...image, Env: 'A=b' }, 'string into Go struct field .Env of type []string'],
    [[], 'array into Go value of type container.CreateRequest'],
  ] as const) {
    const answer = await create(body)
    expect([answer.status, answer.json()]).toEqual([400, { message: `${go} ${message}` }])
  }
  const { HostConfig: host } = (
    await docker.request('GET', `/containers/${await docker.create(image)}/json`)
  ).json<{ HostConfig: Readonly<Record<string, unknown>> }>()
  for (const name of [...Object.keys(host), 'Tmpfs', 'Sysctls', 'Mounts', 'Init']) {
    for (const value of wrongTypes) {
      const answer = await create({ ...image, HostConfig: { [name]: value } })
      const fault = `${name}=${JSON.stringify(value)}: ${answer.text}`
      expect([201, 400, 501], fault).toContain(answer.status)
      if (answer.status !== 201) continue
      const { Id: id } = answer.json<{ Id: string }>()
      const start = await docker.request('POST', `/containers/${id}/start`)
      expect(
        start.status === 204 || !/TypeError|not a function|undefined/.test(start.text),
        `${fault} ${start.text}`,
      ).toBe(true)
    }
  }
  const gpu = await create({
    ...image,
    HostConfig: { DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] },
  })
  expect(gpu.json()).toEqual({
    message: 'could not select device driver "" with capabilities: [[gpu]]',
  })
})

test('stop asks first and kills after the grace', async () => {
  await using docker = await openDocker()
  const polite = await docker.create({ Cmd: ['trap'] })
  await docker.post(`/containers/${polite}/start`)
  await docker.post(`/containers/${polite}/stop`)
  expect((await inspect(docker, polite)).State.ExitCode).toBe(7)
  const deaf = await docker.create({ Cmd: ['trap'], StopSignal: 'SIGINT' })
  await docker.post(`/containers/${deaf}/start`)
  await docker.post(`/containers/${deaf}/stop?t=0`)
  expect((await inspect(docker, deaf)).State.ExitCode).toBe(137)
  expect(await events(docker, deaf)).toEqual([
    'create',
    'network connect',
    'start',
    'kill',
    'kill',
    'network disconnect',
    'die',
    'stop',
  ])
})

test('exec: streams, exit code when the stream has ended, errors as output', async () => {
  await using docker = await openDocker()
  const id = await docker.create({ Cmd: ['sleep', '100'], Env: ['A=2'] })
  await docker.post(`/containers/${id}/start`)
  const exec = async (body: Readonly<Record<string, unknown>>) => {
    const { Id: execId } = await docker.post<{ Id: string }>(`/containers/${id}/exec`, {
      AttachStdout: true,
      AttachStderr: true,
      ...body,
    })
    const stream = await docker.hijack(`/exec/${execId}/start`, { Detach: false })
    return {
      stream,
      end: async () => {
        const output = await stream.output
        const state = (await docker.request('GET', `/exec/${execId}/json`)).json<object>()
        return { output, state }
      },
    }
  }
  const env = await (await exec({ Cmd: ['env'], Env: ['B=3'] })).end()
  expect(env.output.stdout.split('\n')).toEqual(
    expect.arrayContaining(['PATH=/bin', 'A=2', 'B=3', `HOSTNAME=${id.slice(0, 12)}`]),
  )
  expect(env.state).toMatchObject({ Running: false, ExitCode: 0 })
  const cat = await exec({ Cmd: ['cat'], AttachStdin: true })
  await cat.stream.send('hello')
  await cat.stream.end()
  expect((await cat.end()).output.stdout).toBe('hello')
  const missing = await (await exec({ Cmd: ['nosuch'] })).end()
  expect(missing.output.stdout).toBe(
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH\r\n',
  )
  expect(missing.state).toMatchObject({ Running: false, ExitCode: 127 })
})

test('logs follow to the end; tail, timestamps and ranges', async () => {
  await using docker = await openDocker()
  const id = await docker.create({ Cmd: ['trap'] })
  await docker.post(`/containers/${id}/start`)
  const followed = docker.request('GET', `/containers/${id}/logs?stdout=1&follow=1&timestamps=1`)
  // Two lines of one moment can't be told apart by `since`.
  await new Promise((resolve) => setTimeout(resolve, 5))
  await docker.post(`/containers/${id}/kill?signal=USR1`)
  await docker.post(`/containers/${id}/stop`)
  const lines = (await followed).text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(8))
  expect(lines.map((line) => line.slice(31))).toEqual(['ready', 'got 10', 'got 15'])
  for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /)
  const tail = await docker.request('GET', `/containers/${id}/logs?stdout=1&tail=1`)
  expect(tail.text.slice(8)).toBe('got 15\n')
  const none = await docker.request('GET', `/containers/${id}/logs?stdout=1&tail=0`)
  expect(none.text).toBe('')
  const time = lines[1]?.slice(0, 30) ?? ''
  const since = `${Math.floor(Date.parse(time) / 1000)}${time.slice(19, 29)}`
  const later = await docker.request('GET', `/containers/${id}/logs?stdout=1&since=${since}`)
  expect(later.text).toContain('got 10')
  expect(later.text).not.toContain('ready')
})

test('restart policy, out of memory, a lost guest', async () => {
  await using docker = await openDocker()
  const failing = await docker.create({
    Cmd: ['sh', '-c', 'exit 1'],
    HostConfig: {
      NetworkMode: 'none',
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
    },
  })
  await docker.post(`/containers/${failing}/start`)
  await expect
    .poll(async () => (await inspect(docker, failing)).State.Status, { timeout: 5000 })
    .toBe('exited')
  expect((await inspect(docker, failing)).RestartCount).toBe(2)

  const always = await docker.create({
    Cmd: ['sh', '-c', 'exit 1'],
    HostConfig: { NetworkMode: 'none', RestartPolicy: { Name: 'always' } },
  })
  await docker.post(`/containers/${always}/start`)
  await expect.poll(async () => (await inspect(docker, always)).RestartCount).toBeGreaterThan(0)
  await expect.poll(async () => (await inspect(docker, always)).State.Status).toBe('restarting')
  await docker.post(`/containers/${always}/stop`)
  expect((await inspect(docker, always)).State.Status).toBe('exited')

  const greedy = await docker.create({ Cmd: ['sleep', '100'] })
  await docker.post(`/containers/${greedy}/start`)
  docker.machine.outOfMemory(greedy)
  await docker.post(`/containers/${greedy}/wait`)
  expect((await inspect(docker, greedy)).State).toMatchObject({ OOMKilled: true, ExitCode: 137 })

  const lost = await docker.create({ Cmd: ['sleep', '100'] })
  await docker.post(`/containers/${lost}/start`)
  docker.machine.lose('kernel panic')
  await docker.post(`/containers/${lost}/wait`)
  expect((await inspect(docker, lost)).State).toMatchObject({
    Status: 'exited',
    ExitCode: 255,
    Error: 'kernel panic',
  })
})

test('a reload knows its containers, as exited', async () => {
  await using docker = await openDocker()
  const id = await docker.create({ Cmd: ['sleep', '100'] }, 'kept')
  await docker.post(`/containers/${id}/start`)
  await using again = await openDocker({ ...docker.options, machine: docker.machine })
  expect((await inspect(again, 'kept')).State).toMatchObject({ Status: 'exited', ExitCode: 255 })
})

test('list: filters, texts', async () => {
  await using docker = await openDocker()
  const up = await docker.create({ Cmd: ['sleep', '100'], Labels: { role: 'web' } }, 'up')
  const done = await docker.create({ Cmd: ['sh', '-c', 'exit 4'] }, 'done')
  for (const id of [up, done]) await docker.post(`/containers/${id}/start`)
  await docker.post(`/containers/${done}/wait`)
  await docker.create({}, 'fresh')
  const list = async (
    query: string,
  ): Promise<{ Names: string[]; Status: string; Command: string }[]> =>
    (await docker.request('GET', `/containers/json?${query}`)).json()
  const names = async (query: string): Promise<string[]> =>
    (await list(query)).map(({ Names: [name = ''] }) => name)
  const filters = (value: object): string => `filters=${encodeURIComponent(JSON.stringify(value))}`
  expect(await names('')).toEqual(['/up'])
  expect(await names('all=1')).toEqual(['/fresh', '/done', '/up'])
  expect(await names('limit=1')).toEqual(['/fresh'])
  expect(await names(filters({ label: ['role=web'] }))).toEqual(['/up'])
  expect(await names(`all=1&${filters({ exited: ['4'] })}`)).toEqual(['/done'])
  expect(await names(filters({ status: { created: true, exited: true } }))).toEqual([
    '/fresh',
    '/done',
  ])
  expect(await names(`all=1&${filters({ name: ['^/?d'] })}`)).toEqual(['/done'])
  expect(await names(`all=1&${filters({ before: ['done'] })}`)).toEqual(['/up'])
  expect(await names(`all=1&${filters({ ancestor: ['demo:latest'] })}`)).toHaveLength(3)
  const [, exited, running] = await list('all=1')
  expect(exited?.Status).toMatch(/^Exited \(4\) .* ago$/)
  expect(exited?.Command).toBe("sh -c 'exit 4'")
  expect(running?.Status).toMatch(/^Up /)
  const pruned = await docker.post<{ ContainersDeleted: string[] }>('/containers/prune')
  expect(pruned.ContainersDeleted).toHaveLength(2)
})

test('what containers have written is told, and reclaimed by a prune', async () => {
  await using docker = await openDocker()
  const id = await docker.create({ Cmd: ['sh', '-c', 'exit 0'] }, 'wrote')
  const fresh = await docker.create({}, 'fresh')
  docker.machine.disk.uppers.add(id)
  interface Sizes {
    readonly SizeRw?: number
    readonly SizeRootFs?: number
  }
  const sizes = async (path: string): Promise<Sizes[]> => {
    const answer = (await docker.request('GET', path)).json<Sizes | Sizes[]>()
    return [answer].flat().map(({ SizeRw, SizeRootFs }) => ({ SizeRw, SizeRootFs }) as Sizes)
  }
  const [empty, full] = await sizes('/containers/json?all=1&size=1')
  const image = empty?.SizeRootFs ?? 0
  expect(image).toBeGreaterThan(0)
  expect({ empty, full }).toEqual({
    empty: { SizeRw: undefined, SizeRootFs: image },
    full: { SizeRw: 1000, SizeRootFs: image + 1000 },
  })
  // In a list Docker leaves out a 0, of one it tells it.
  expect(await sizes(`/containers/${fresh}/json?size=1`)).toEqual([
    { SizeRw: 0, SizeRootFs: image },
  ])
  expect(await sizes(`/containers/${id}/json`)).toEqual([{}])
  expect(await docker.post('/containers/prune')).toMatchObject({ SpaceReclaimed: 1000 })
})

test('pause, update, resize, top, stats, rename', async () => {
  await using docker = await openDocker()
  const id = await docker.create({ Cmd: ['sleep', '100'], Tty: true }, 'before')
  expect((await docker.request('POST', `/containers/${id}/resize?h=1&w=2`)).status).toBe(409)
  await docker.post(`/containers/${id}/start`)
  await docker.post(`/containers/${id}/pause`)
  expect((await inspect(docker, id)).State.Status).toBe('paused')
  await docker.post(`/containers/${id}/unpause`)
  await docker.post(`/containers/${id}/update`, { Memory: 64 << 20, MemorySwap: -1, NanoCpus: 5e8 })
  expect(docker.machine.containers.updates[0]).toMatchObject({
    memoryMax: 64 << 20,
    memorySwapMax: 'max',
    cpuMax: '50000 100000',
  })
  await docker.post(`/containers/${id}/resize?h=24&w=80`)
  expect(docker.machine.processes.process({ container: id }).sizes).toEqual([
    { rows: 24, cols: 80 },
  ])
  const top = (await docker.request('GET', `/containers/${id}/top`)).json<{
    Titles: string[]
    Processes: string[][]
  }>()
  expect(top.Titles).toEqual(['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'])
  expect(top.Processes[0]?.at(-1)).toBe('sleep 100')
  const stats = await docker.request('GET', `/containers/${id}/stats?stream=0&one-shot=1`)
  expect(stats.json()).toMatchObject({ memory_stats: { usage: 1 << 20 } })
  await docker.post(`/containers/${id}/rename?name=after`)
  expect((await inspect(docker, 'after')).Name).toBe('/after')
})
