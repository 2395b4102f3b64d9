import { expect, test } from 'vitest'
import { TarWriter, type TarMember } from '../../src/codec/tar/write.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'

const tarOf = (...files: (Partial<TarMember> & { path: string; text?: string })[]): Uint8Array => {
  const writer = new TarWriter()
  const parts = files.flatMap(({ text = '', ...member }) => {
    const content = new TextEncoder().encode(text)
    const size = content.length
    const whole = {
      kind: 'file',
      mode: 0o644,
      uid: 7,
      gid: 8,
      mtime: 1_700_000_000,
      ...member,
      size,
    } as const
    return [...writer.header(whole), ...content, ...writer.padding(size)]
  })
  return Uint8Array.from([...parts, ...writer.end()])
}

interface PathStat {
  readonly name: string
  readonly size: number
  readonly mode: number
  readonly mtime: string
  readonly linkTarget: string
}

async function stat(docker: Docker, id: string, path: string): Promise<PathStat> {
  const url = `/containers/${id}/archive?path=${encodeURIComponent(path)}`
  const { status, headers, text } = await docker.request('HEAD', url)
  expect([status, text]).toEqual([200, ''])
  return JSON.parse(atob(headers['x-docker-container-path-stat'] ?? '')) as PathStat
}

const put = (docker: Docker, id: string, path: string, tar: Uint8Array, more = '') =>
  docker.request('PUT', `/containers/${id}/archive?path=${encodeURIComponent(path)}${more}`, {
    body: tar,
    headers: { 'content-type': 'application/x-tar' },
  })

test('archive: put, stat, get', async () => {
  await using docker = await openDocker()
  const id = await docker.create({}, 'web')
  const body = tarOf({ path: 'd/f', text: 'hello', mtime: 1_700_000_000.25 })
  expect(await put(docker, id, '/etc', body)).toMatchObject({ status: 200, text: '' })
  expect(await stat(docker, id, '/etc/d/f')).toEqual({
    name: 'f',
    size: 5,
    mode: 0o644,
    mtime: '2023-11-14T22:13:20.25Z',
    linkTarget: '',
  })
  expect(await stat(docker, id, 'etc/d/')).toMatchObject({ name: 'd', mode: 2 ** 31 + 0o755 })
  expect(await stat(docker, id, '/etc/d/.')).toMatchObject({ name: '.' })
  expect(await stat(docker, id, '/')).toMatchObject({ name: '/' })
  const got = await docker.request('GET', `/containers/web/archive?path=/etc/d/f`)
  expect(got.headers).toMatchObject({ 'content-type': 'application/x-tar' })
  expect(got.headers['x-docker-container-path-stat']).toBeDefined()
  expect(got.text).toMatch(/hello\0/)
  expect((await docker.request('GET', `/containers/web/changes`)).json()).toEqual([
    { Path: '/etc', Kind: 0 },
    { Path: '/etc/d', Kind: 1 },
    { Path: '/etc/d/f', Kind: 1 },
  ])
  // Streams that were read to their end hold nothing any more.
  await docker.post(`/containers/web/start`)
})

test('archive: what Docker refuses', async () => {
  await using docker = await openDocker()
  const id = await docker.create(
    { HostConfig: { NetworkMode: 'none', ReadonlyRootfs: true } },
    'ro',
  )
  const message = async (method: string, path: string): Promise<unknown[]> => {
    const answer = await docker.request(method, path)
    return [answer.status, answer.json<{ message: string }>().message]
  }
  expect(await message('GET', '/containers/nosuch/archive?path=/')).toEqual([
    404,
    'No such container: nosuch',
  ])
  expect(await message('GET', '/containers/ro/archive')).toEqual([
    400,
    'bad parameter: pathcannot be empty',
  ])
  expect(await message('GET', '/containers/ro/archive?path=/nope')).toEqual([
    404,
    'Could not find the file /nope in container ro',
  ])
  const refused = await put(docker, id, '/etc', tarOf({ path: 'x', text: '1' }))
  expect([refused.status, refused.json<{ message: string }>().message]).toEqual([
    400,
    'container rootfs is marked read-only',
  ])
  expect((await docker.request('GET', `/containers/ro/changes`)).text).toBe('null\n')
})

test('export holds a container that does not run until it was read', async () => {
  await using docker = await openDocker()
  await docker.create({}, 'web')
  const response = await docker.handler({
    method: 'GET',
    path: '/containers/web/export',
    headers: {},
    signal: new AbortController().signal,
    id: 'export',
  })
  expect(response.headers).toMatchObject({ 'content-type': 'application/octet-stream' })
  const started = docker.post('/containers/web/start')
  await response.body?.cancel()
  await started
})

test('commit: the container’s config, the client’s, then the changes', async () => {
  await using docker = await openDocker()
  const id = await docker.create({ Cmd: ['true'], Env: ['B=2'], Labels: { own: '1' } }, 'web')
  await put(docker, id, '/etc', tarOf({ path: 'new', text: '1' }))
  const changes = ['ENV C=$B D="x y"', 'CMD echo $A', 'EXPOSE 80/udp', 'LABEL k=v', 'WORKDIR sub']
  const query = changes.map((line) => `&changes=${encodeURIComponent(line)}`).join('')
  const { Id } = await docker.post<{ Id: string }>(
    `/commit?container=web&repo=made&tag=1&author=me&comment=why${query}`,
    { Env: ['A=changed'], User: 'ada' },
  )
  const image = (await docker.request('GET', '/images/made:1/json')).json<{
    Id: string
    Author: string
    Config: object
    RootFS: { Layers: string[] }
  }>()
  expect(image).toMatchObject({ Id, Author: 'me', Comment: 'why' })
  expect(image.RootFS.Layers).toHaveLength(2)
  expect(image.Config).toMatchObject({
    User: 'ada',
    Env: ['A=changed', 'B=2', 'PATH=/bin', 'C=2', 'D=x y'],
    Cmd: ['/bin/sh', '-c', 'echo $A'],
    ExposedPorts: { '80/udp': {} },
    Labels: { from: 'image', own: '1', k: 'v' },
    WorkingDir: '/sub',
  })
  expect((await docker.request('GET', '/images/made:1/history')).json<object[]>()[0]).toMatchObject(
    {
      CreatedBy: 'true',
      Comment: 'why',
    },
  )
  const refused = await docker.request('POST', `/commit?container=web&changes=RUN%20true`)
  expect([refused.status, refused.json<{ message: string }>().message]).toEqual([
    400,
    'RUN is not a valid change command',
  ])
})

test('commit of a container that changed nothing has no layer of its own', async () => {
  await using docker = await openDocker()
  await docker.create({}, 'web')
  const { Id } = await docker.post<{ Id: string }>('/commit?container=web')
  const image = (await docker.request('GET', `/images/${Id}/json`)).json<{
    RootFS: { Layers: string[] }
  }>()
  expect(image.RootFS.Layers).toHaveLength(1)
})
