import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { ImageInspect, ProgressMessage } from '../../src/core/engine-api.ts'
import { MemoryBlobStore } from '../../src/storage/memory-blob-store.ts'
import { openEngine, type TestEngine } from '../support/api-client.ts'
import { digestOf, ImageRegistry, tarOf } from '../support/image-registry.ts'

const base = tarOf({ 'bin/': '', 'bin/sh': 'shell' })
const top = tarOf({ motd: 'x'.repeat(100_000) })

async function count(blobs: MemoryBlobStore): Promise<number> {
  let all = 0
  for await (const _ of blobs.list()) all++
  return all
}

async function withDemo(): Promise<TestEngine> {
  const registry = new ImageRegistry()
  registry.add('library/demo:latest', { layers: [base, top] })
  const engine = await openEngine({ registry })
  await engine.request('POST', '/images/create?fromImage=demo&tag=latest')
  await engine.request('POST', '/images/demo/tag?repo=demo&tag=2')
  return engine
}

async function bytesFrom({ handler }: TestEngine, path: string): Promise<Uint8Array> {
  const { body, headers } = await handler({
    method: 'GET',
    path,
    headers: {},
    signal: new AbortController().signal,
    id: 'save',
  })
  expect(headers['content-type']).toBe('application/x-tar')
  return new Uint8Array(await new Response(body).arrayBuffer())
}

test.each(['plain', 'gzip'])('what is saved can be loaded elsewhere: %s', async (form) => {
  const from = await withDemo()
  const saved = await bytesFrom(from, '/images/get?names=demo')
  const blobs = new MemoryBlobStore()
  const to = await openEngine({ blobs })
  const body = form === 'gzip' ? gzipSync(saved) : saved
  const answer = await to.request('POST', '/images/load?quiet=1', {
    body,
    headers: { 'content-type': 'application/x-tar' },
  })
  expect(answer.lines<ProgressMessage>()).toEqual([
    { stream: 'Loaded image: demo:latest\nLoaded image: demo:2\n' },
  ])
  const image = (await to.request('GET', '/images/demo:2/json')).json<ImageInspect>()
  const original = (await from.request('GET', '/images/demo/json')).json<ImageInspect>()
  expect([image.Id, image.Size]).toEqual([original.Id, original.Size])
  const { root } = await to.engine.images.tree(image.Id)
  expect(root.children?.get('motd')?.size).toBe(100_000)
  // Two tars, two indexes, a config: what else was in the archive is gone again.
  expect(await count(blobs)).toBe(5)
  expect(await bytesFrom(to, '/images/get?names=demo')).toEqual(saved)
})

test('an image saved by ID has no name; loading it again changes nothing', async () => {
  const engine = await withDemo()
  const { Id } = (await engine.request('GET', '/images/demo/json')).json<ImageInspect>()
  const saved = await bytesFrom(engine, `/images/${Id}/get`)
  const answer = await engine.request('POST', '/images/load', { body: saved })
  expect(answer.text).toContain(`Loaded image ID: ${Id}`)
  const image = (await engine.request('GET', '/images/demo/json')).json<ImageInspect>()
  expect(image.RepoTags).toEqual(['demo:latest', 'demo:2'])
  await engine.engine.images.tree(image.Id)
})

test('broken archives are refused and leave nothing', async () => {
  const saved = await bytesFrom(await withDemo(), '/images/get?names=demo:latest')
  const blobs = new MemoryBlobStore()
  const engine = await openEngine({ blobs })
  const load = async (body: Uint8Array): Promise<string> => {
    const answer = await engine.request('POST', '/images/load', { body })
    return answer.status === 200
      ? (answer.lines<ProgressMessage>().at(-1)?.errorDetail?.message ?? answer.text)
      : answer.json<{ message: string }>().message
  }
  expect(await load(saved.slice(0, 60_000))).toContain('unexpected EOF')
  expect(await load(tarOf({ file: 'x' }))).toBe('invalid archive: it has no file index.json')
  expect(await load(tarOf({ 'manifest.json': '[{"Config":"nope"}]' }))).toBe(
    'invalid archive: it has no file nope',
  )
  const at = Buffer.from(saved).indexOf('xxxxx')
  expect(await load(saved.with(at + 50, 0))).toContain("layers from manifest don't match")
  expect(await count(blobs)).toBe(0)
  const nope = await engine.request('GET', '/images/get?names=nope')
  expect([nope.status, nope.json()]).toEqual([404, { message: 'No such image: nope' }])
})

test('a file tree becomes an image', async () => {
  const blobs = new MemoryBlobStore()
  const { request } = await openEngine({ blobs })
  const answer = await request('POST', '/images/create?fromSrc=-&repo=mine&tag=1&message=hello', {
    body: gzipSync(base),
  })
  const [{ status = '' } = {}] = answer.lines<ProgressMessage>()
  const image = (await request('GET', '/images/mine:1/json')).json<ImageInspect>()
  expect(image).toMatchObject({
    Id: status,
    Comment: 'hello',
    Size: 5,
    RootFS: { Layers: [digestOf(base)] },
  })
  const broken = await request('POST', '/images/create?fromSrc=-', { body: 'nonsense' })
  expect(broken.status).toBe(500)
  expect(await count(blobs)).toBe(3)
})
