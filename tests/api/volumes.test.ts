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

test.each([
  [{ HostConfig: { Binds: ['/a:/b:c:d'] } }, "invalid volume specification: '/a:/b:c:d'"],
  [{ HostConfig: { Binds: ['v:x'] } }, 'mount path must be absolute'],
  [{ HostConfig: { Binds: ['v:/x:bad'] } }, 'invalid mode: bad'],
  [{ HostConfig: { Binds: ['v:/'] } }, "destination can't be '/'"],
  [{ HostConfig: { Binds: ['a:/x', 'b:/x'] } }, 'Duplicate mount point: /x'],
  [
    { HostConfig: { Mounts: [{ Type: 'bind', Source: 'rel', Target: '/x' }] } },
    "invalid mount path: 'rel' mount path must be absolute",
  ],
  [{ HostConfig: { Mounts: [{ Type: 'zip', Source: 'a', Target: '/x' }] } }, 'mount type unknown'],
  [
    { HostConfig: { Mounts: [{ Type: 'volume', Target: '/x', ReadOnly: true }] } },
    'must not set ReadOnly mode when using anonymous volumes',
  ],
  [{ HostConfig: { VolumesFrom: ['nosuch'] } }, 'No such container: nosuch'],
])('%j is refused: %s', async (body, reason) => {
  await using docker = await openDocker()
  const answer = await docker.request('POST', '/containers/create', {
    body: { Image: 'demo', Cmd: ['true'], ...body },
  })
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.json<{ message: string }>().message).toContain(reason)
})

test('what the disk has without a record is cleared away at the start', async () => {
  const machine = new ScriptedMachine()
  await machine.disk.makeVolume('nobody')
  machine.disk.uppers.add('f'.repeat(64))
  await using docker = await openDocker({ machine })
  await docker.post('/volumes/create', { Name: 'kept' })
  await expect.poll(async () => (await machine.disk.list()).volumes).toEqual([])
  await expect.poll(() => machine.deleted).toEqual(['f'.repeat(64)])
})
