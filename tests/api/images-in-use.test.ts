import { expect, test } from 'vitest'
import type { ErrorResponse } from '../../src/core/engine-api.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'

const remove = async ({ request }: Docker, name: string, query = '') => {
  const answer = await request('DELETE', `/images/${name}${query}`)
  return { status: answer.status, ...answer.json<ErrorResponse>() }
}

const short = (id: string): string => id.replace('sha256:', '').slice(0, 12)

test('an image in use is kept, in the words of Docker', async () => {
  await using docker = await openDocker()
  const { id: image } = await docker.engine.images.get('demo')
  const id = await docker.create({ Cmd: ['true'] })
  expect(await remove(docker, 'demo')).toEqual({
    status: 409,
    message: `conflict: unable to remove repository reference "demo" (must force) - container ${short(id)} is using its referenced image ${short(image)}`,
  })
  expect(await remove(docker, short(image))).toEqual({
    status: 409,
    message: `conflict: unable to delete ${short(image)} (must be forced) - image is being used by stopped container ${short(id)}`,
  })
  const running = await docker.create({ Cmd: ['sleep', '60'] }, 'busy')
  await docker.post(`/containers/${running}/start`)
  expect(await remove(docker, image, '?force=1')).toEqual({
    status: 409,
    message: `conflict: unable to delete ${short(image)} (cannot be forced) - image is being used by running container ${short(running)}`,
  })
  expect((await docker.request('POST', '/images/prune?filters={"dangling":["0"]}')).json()).toEqual(
    { ImagesDeleted: null, SpaceReclaimed: 0 },
  )
})

test('what is removed by force stays for its containers, and goes with them', async () => {
  await using docker = await openDocker()
  const { id: image } = await docker.engine.images.get('demo')
  const id = await docker.create({ Cmd: ['true'] })
  const removed = await docker.request('DELETE', '/images/demo?force=1')
  expect(removed.json()).toMatchObject([{}, {}, { Deleted: image }])
  expect((await docker.request('GET', '/images/json')).json()).toEqual([])
  expect((await docker.request('GET', `/images/${image}/json`)).status).toBe(404)
  expect((await docker.request('POST', `/containers/${id}/start`)).status).toBe(204)
  await docker.request('POST', `/containers/${id}/wait`)
  await docker.request('DELETE', `/containers/${id}`)
  await docker.request('POST', '/images/prune')
  const blobs: string[] = []
  for await (const { digest } of docker.options.blobs.list()) blobs.push(digest)
  expect(blobs).toEqual([])
})

test('system df counts containers and their images', async () => {
  await using docker = await openDocker()
  await docker.create({ Cmd: ['true'] }, 'one')
  const df = (await docker.request('GET', '/system/df')).json<Record<string, object[]>>()
  expect(df).toMatchObject({
    Images: [{ Containers: 1, SharedSize: 0 }],
    Containers: [{ Names: ['/one'], State: 'created' }],
    Volumes: [],
    BuildCache: [],
  })
  const images = (await docker.request('GET', '/system/df?type=image')).json()
  expect(images).toMatchObject({ Containers: null, Images: [{}] })
})
