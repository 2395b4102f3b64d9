import { expect, test } from 'vitest'
import { openDocker } from '../support/docker-client.ts'
import { ScriptedMachine } from '../support/scripted-machine.ts'

interface Volume {
  readonly Name: string
  readonly Labels: Readonly<Record<string, string>> | null
}

test('volumes: create, list by filters, inspect, in use, remove, prune', async () => {
  await using docker = await openDocker()
  const made = await docker.post<Volume>('/volumes/create', { Name: 'data', Labels: { a: 'b' } })
  expect(made).toMatchObject({
    Name: 'data',
    Driver: 'local',
    Labels: { a: 'b' },
    Mountpoint: '/var/lib/docker/volumes/data/_data',
    Options: null,
    Scope: 'local',
  })
  const names = async (filters: object): Promise<string[]> =>
    (await docker.request('GET', `/volumes?filters=${encodeURIComponent(JSON.stringify(filters))}`))
      .json<{ Volumes: Volume[] }>()
      .Volumes.map(({ Name }) => Name)
  expect(await names({})).toEqual(['data'])
  expect(await names({ label: ['a=c'] })).toEqual([])
  expect(await names({ dangling: ['true'] })).toEqual(['data'])
  const id = await docker.create({ HostConfig: { Binds: ['data:/x:ro'] }, Volumes: { '/own': {} } })
  expect(await names({ dangling: ['true'] })).toEqual([])
  const used = await docker.request('DELETE', '/volumes/data')
  expect([used.status, used.json<{ message: string }>().message]).toEqual([
    409,
    `remove data: volume is in use - [${id}]`,
  ])
  await docker.request('DELETE', `/containers/${id}?v=1`)
  expect(await names({})).toEqual(['data'])
  const pruned = await docker.post<{ VolumesDeleted: string[] | null }>('/volumes/prune')
  expect(pruned.VolumesDeleted).toBeNull()
  const all = encodeURIComponent('{"all":["true"]}')
  expect(await docker.post(`/volumes/prune?filters=${all}`)).toMatchObject({
    VolumesDeleted: ['data'],
  })
  expect((await docker.request('GET', '/volumes/data')).status).toBe(404)
})

const config = (type: string): string => `invalid mount config for type "${type}"`
const noName = (name: string): string =>
  `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`
const binds = (...Binds: string[]) => ({ HostConfig: { Binds } })
const mounts = (...Mounts: object[]) => ({ HostConfig: { Mounts } })

// Recorded from dockerd 28.5, with its odd 500s.
test.each<[object, number, string]>([
  [binds('/etc:/x:bogus'), 500, 'invalid mode: bogus'],
  [binds('/etc:/x:rw:z'), 500, "invalid volume specification: '/etc:/x:rw:z'"],
  [binds('../a:/x'), 400, noName('../a')],
  [binds('rel/a:/x'), 400, noName('rel/a')],
  [
    binds('a'),
    500,
    `invalid volume specification: 'a': ${config('volume')}: invalid mount path: 'a' mount path must be absolute`,
  ],
  [binds('a1:/x', 'b1:/x'), 400, 'Duplicate mount point: /x'],
  [
    mounts({ Type: 'bind', Source: 'rel', Target: '/x' }),
    400,
    `${config('bind')}: invalid mount path: 'rel' mount path must be absolute`,
  ],
  [mounts({ Type: 'volume', Source: 'a b', Target: '/x' }), 400, noName('a b')],
  [
    mounts({ Type: 'volume', Source: 'sub', Target: '/x', VolumeOptions: { Subpath: '../a' } }),
    400,
    `${config('volume')}: subpath must be a relative path within the volume`,
  ],
  [
    mounts({ Type: 'volume', Target: '/x', VolumeOptions: { Subpath: 'a' } }),
    400,
    `${config('volume')}: must not set Subpath when using anonymous volumes`,
  ],
  [
    mounts({ Type: 'volume', Target: '/x', ReadOnly: true }),
    400,
    `${config('volume')}: must not set ReadOnly mode when using anonymous volumes`,
  ],
  [
    mounts({ Type: 'bind', Source: '/etc', Target: '/x', BindOptions: { Propagation: 'bogus' } }),
    400,
    `${config('bind')}: invalid propagation mode: bogus`,
  ],
  [
    mounts({
      Type: 'bind',
      Source: '/etc',
      Target: '/x',
      BindOptions: { ReadOnlyNonRecursive: true },
    }),
    400,
    `${config('bind')}: mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive`,
  ],
  [
    mounts({ Type: 'npipe', Source: 'x', Target: '/x' }),
    400,
    `${config('npipe')}: mount type unknown`,
  ],
  [mounts({ Type: 'zip', Source: 'a', Target: '/x' }), 400, `${config('zip')}: mount type unknown`],
  [
    mounts({ Type: 'image', Source: 'demo', Target: '/x' }),
    501,
    'mounts of type "image" are not supported',
  ],
  [{ HostConfig: { VolumesFrom: ['nosuch'] } }, 400, 'No such container: nosuch'],
  [{ HostConfig: { VolumesFrom: ['nosuch:bogus'] } }, 500, 'invalid mode: bogus'],
])('%j is refused: %i %s', async (body, status, reason) => {
  await using docker = await openDocker()
  const answer = await docker.request('POST', '/containers/create', {
    body: { Image: 'demo', Cmd: ['true'], ...body },
  })
  expect([answer.status, answer.json<{ message: string }>().message]).toEqual([status, reason])
  // Nothing of it is left.
  expect((await docker.request('GET', '/containers/json?all=1')).json()).toEqual([])
})

test.each([
  [
    { Name: 'v1', Driver: 'bogus' },
    404,
    'create v1: error looking up volume plugin bogus: plugin "bogus" not found',
  ],
  [{ Name: 'a/b' }, 400, noName('a/b')],
  [
    { Name: 'a' },
    400,
    'create a: volume name is too short, names should be at least two alphanumeric characters',
  ],
  [{ Name: 'qq', DriverOpts: { bogus: '1' } }, 400, 'create qq: invalid option: "bogus"'],
  [
    { Name: 'qs', DriverOpts: { size: '1m' } },
    400,
    'create qs: quota size requested but no quota support',
  ],
  [
    { Name: 'qt', DriverOpts: { type: 'tmpfs' } },
    400,
    'create qt: missing required option: "device"',
  ],
])('volume %j is refused: %i %s', async (body, status, reason) => {
  await using docker = await openDocker()
  const answer = await docker.request('POST', '/volumes/create', { body })
  expect([answer.status, answer.json<{ message: string }>().message]).toEqual([status, reason])
})

test('a volume that is a tmpfs is mounted for the first that runs, and taken away after the last', async () => {
  await using docker = await openDocker()
  const DriverOpts = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' }
  await docker.post('/volumes/create', { Name: 'vt', DriverOpts })
  const ids = [1, 2].map(() => docker.create({ Cmd: ['trap'], HostConfig: { Binds: ['vt:/x'] } }))
  const [first = '', second = ''] = await Promise.all(ids)
  expect(docker.machine.disk.mounted.has('vt')).toBe(false)
  await docker.post(`/containers/${first}/start`)
  await docker.post(`/containers/${second}/start`)
  await docker.post(`/containers/${first}/kill`)
  await docker.post(`/containers/${first}/wait`)
  expect(docker.machine.disk.mounted.has('vt')).toBe(true)
  await docker.post(`/containers/${second}/kill`)
  await docker.post(`/containers/${second}/wait`)
  await expect.poll(() => docker.machine.disk.mounted.has('vt')).toBe(false)
})

test('what the disk has without a record is cleared away at the start', async () => {
  const machine = new ScriptedMachine()
  await machine.disk.makeVolume('nobody')
  machine.disk.uppers.add('f'.repeat(64))
  await using docker = await openDocker({ machine })
  await docker.post('/volumes/create', { Name: 'kept' })
  await expect.poll(async () => (await machine.disk.list()).volumes).toEqual([])
  await expect.poll(() => machine.containers.deleted).toEqual(['f'.repeat(64)])
})
