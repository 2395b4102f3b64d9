import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ImageInspect, ImageSummary, ProgressMessage } from '../../src/core/engine-api.ts'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { RegistryTransport } from '../../src/ports/registry-transport.ts'
import { MemoryBlobStore } from '../../src/storage/memory-blob-store.ts'
import { openEngine, type TestEngine } from '../support/api-client.ts'
import { digestOf, ImageRegistry, tarOf } from '../support/image-registry.ts'

const base = tarOf({ 'bin/': '', 'bin/sh': 'shell', 'etc/': '', 'etc/motd': 'old' })
const top = tarOf({ 'etc/motd': 'new', 'etc/.wh.gone': '' })

const pull = (test: TestEngine, name: string, tag = 'latest') =>
  test.request('POST', `/images/create?fromImage=${encodeURIComponent(name)}&tag=${tag}`)

async function stored(blobs: MemoryBlobStore): Promise<string[]> {
  const all: string[] = []
  for await (const { digest } of blobs.list()) all.push(digest)
  return all
}

async function openWith(image = { layers: [base, top] }) {
  const registry = new ImageRegistry()
  const digests = registry.add('library/demo:latest', image)
  const blobs = new MemoryBlobStore()
  const engine = await openEngine({ registry, blobs })
  return { registry, digests, blobs, engine }
}

test('a pull tells its progress as Docker does and stores a tree', async () => {
  const { engine, digests, registry, blobs } = await openWith()
  const answer = await pull(engine, 'demo')
  expect(answer.status).toBe(200)
  expect(answer.headers['content-type']).toBe('application/json')
  const lines = answer.lines<ProgressMessage>()
  const ids = digests.layers.map((digest) => digest.slice(7, 19))
  expect(lines[0]).toEqual({ status: 'Pulling from library/demo', id: 'latest' })
  expect(lines[1]).toEqual({ status: 'Pulling fs layer', progressDetail: {}, id: ids[0] })
  for (const id of ids) {
    const steps = lines.filter((line) => line.id === id).map(({ status }) => status)
    expect([...new Set(steps)]).toEqual([
      'Pulling fs layer',
      'Downloading',
      'Verifying Checksum',
      'Download complete',
      'Extracting',
      'Pull complete',
    ])
  }
  expect(lines.slice(-2)).toEqual([
    { status: `Digest: ${digests.manifest}` },
    { status: 'Status: Downloaded newer image for demo:latest' },
  ])
  const { root } = await engine.engine.images.tree(digests.config)
  const motd = root.children?.get('etc')?.children?.get('motd')
  const bytes = await motd?.source?.read(motd.offset, motd.size)
  expect(new TextDecoder().decode(bytes)).toBe('new')

  const again = await pull(engine, 'demo')
  expect(again.lines<ProgressMessage>().at(-1)?.status).toBe(
    'Status: Image is up to date for demo:latest',
  )
  // Each layer's tar and index, and the config: nothing else.
  expect(await stored(blobs)).toHaveLength(5)
  expect(registry.requests.filter((path) => path.includes('/blobs/'))).toHaveLength(3)
})

test('an engine over the same stores knows its images without the registry', async () => {
  const { engine, digests } = await openWith()
  await pull(engine, 'demo')
  const next = await openEngine({ ...engine.options, registry: new ImageRegistry() })
  const image = await next.engine.images.get('demo')
  expect(image.repoTags).toEqual(['demo:latest'])
  expect(image.repoDigests).toEqual([`demo@${digests.manifest}`])
  const { root, tree } = await next.engine.images.tree(image.id)
  expect(tree).toBe(image.id.slice(7))
  expect(root.children?.get('bin')?.children?.get('sh')?.size).toBe(5)
})

test('an image of two shares the layers of the first', async () => {
  const { engine, registry, blobs } = await openWith()
  registry.add('library/other:1', { layers: [base] })
  await pull(engine, 'demo')
  const answer = await pull(engine, 'other', '1')
  expect(answer.lines<ProgressMessage>().map(({ status }) => status)).toContain('Already exists')
  const removed = await engine.request('DELETE', '/images/demo')
  expect(removed.json<object[]>().map((item) => Object.keys(item)[0])).toEqual([
    'Untagged',
    'Untagged',
    'Deleted',
    'Deleted',
  ])
  expect(await stored(blobs)).toHaveLength(3)
  await engine.engine.images.tree((await engine.engine.images.get('other:1')).id)
})

test('layers of zstd are read as others', async () => {
  const { engine, registry } = await openWith()
  const compress = {
    name: 'zstd',
    bytes: (plain: Uint8Array) => execFileSync('zstd', ['-q', '-c'], { input: plain }),
  } as const
  registry.add('library/zstd:1', { layers: [tarOf({ 'bin/': '', 'bin/z': 'z' })], compress })
  expect(last((await pull(engine, 'zstd', '1')).lines())).toBe('')
  const { id } = await engine.engine.images.get('zstd:1')
  const { root } = await engine.engine.images.tree(id)
  expect(root.children?.get('bin')?.children?.get('z')?.size).toBe(1)
})

const last = (lines: readonly ProgressMessage[]): string => lines.at(-1)?.errorDetail?.message ?? ''

test.each([
  [
    'a flipped byte',
    (bytes: Uint8Array) => bytes.with(bytes.length >> 1, (bytes[bytes.length >> 1] ?? 0) ^ 1),
  ],
  ['a truncated layer', (bytes: Uint8Array) => bytes.slice(0, -9)],
  ['a longer layer', (bytes: Uint8Array) => new Uint8Array([...bytes, 0])],
])('%s is an error, and nothing is stored', async (_, damage) => {
  const { engine, registry, digests, blobs } = await openWith({
    layers: [base, tarOf({ noise: randomBytes(40_000).toString('hex') })],
  })
  const [, layer = ''] = digests.layers
  registry.blobs.set(layer, damage(registry.blobs.get(layer) ?? new Uint8Array()))
  const answer = await pull(engine, 'demo')
  expect(answer.status).toBe(200)
  expect(last(answer.lines())).toBe(`filesystem layer verification failed for digest ${layer}`)
  expect(answer.lines<ProgressMessage>().at(-1)?.error).toBe(last(answer.lines()))
  expect(await stored(blobs)).toEqual([])
  expect((await engine.request('GET', '/images/json')).json()).toEqual([])
})

test('layers that are not those of the config are refused', async () => {
  const { engine, blobs } = await openWith({
    layers: [base],
    config: { rootfs: { type: 'layers', diff_ids: [digestOf(top)] } },
  } as { layers: Uint8Array[] })
  expect(last((await pull(engine, 'demo')).lines())).toBe(
    "layers from manifest don't match image configuration",
  )
  expect(await stored(blobs)).toEqual([])
})

test('an image without linux/386 is refused with what it offers', async () => {
  const registry = new ImageRegistry()
  registry.add('library/big:latest', { layers: [base], platforms: ['linux/amd64', 'linux/arm64'] })
  registry.add('library/one:latest', { layers: [base], config: { architecture: 'amd64' } })
  registry.add('library/many:latest', { layers: [base], platforms: ['linux/amd64', 'linux/386'] })
  await using engine = await openEngine({ registry })
  expect(last((await pull(engine, 'big')).lines())).toBe(
    'no matching manifest for linux/386 in the manifest list entries: the image offers linux/amd64, linux/arm64',
  )
  expect(last((await pull(engine, 'one')).lines())).toContain('the image offers linux/amd64')
  expect((await pull(engine, 'many')).text).toContain('Downloaded newer image for many:latest')
  const other = await engine.request('POST', '/images/create?fromImage=many&platform=linux/amd64')
  expect(other.status).toBe(400)
})

test('unknown images and tags are told before the stream begins', async () => {
  const { engine } = await openWith()
  const nosuch = await pull(engine, 'nosuch')
  expect(nosuch.status).toBe(404)
  expect(nosuch.json()).toEqual({
    message:
      "pull access denied for nosuch, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
  })
  const tag = await pull(engine, 'demo', 'nosuch')
  expect(tag.status).toBe(404)
  expect(tag.json()).toEqual({
    message: 'manifest for demo:nosuch not found: manifest unknown: manifest unknown',
  })
  const malformed = await pull(engine, 'Bad_UPPER')
  expect(malformed.status).toBe(400)
  expect(malformed.json()).toEqual({
    message: 'invalid reference format: repository name (library/Bad_UPPER) must be lowercase',
  })
})

test('a client that leaves cancels its pull; nothing stays', async () => {
  const { engine, registry, blobs } = await openWith()
  registry.hold = new Promise(() => undefined)
  const gone = new AbortController()
  const response = await engine.handler({
    method: 'POST',
    path: '/images/create?fromImage=demo&tag=latest',
    headers: {},
    signal: gone.signal,
    id: 'one',
  })
  const reader = response.body?.getReader()
  await reader?.read()
  gone.abort(new Error('client has gone'))
  while (!(await reader?.read())?.done);
  await expect.poll(() => stored(blobs)).toEqual([])
  registry.hold = undefined
  expect((await pull(engine, 'demo')).text).toContain('Downloaded newer image')
})

test('three layers at most come at once', async () => {
  const layers = Array.from({ length: 7 }, (_, index) => tarOf({ [`file${index}`]: `${index}` }))
  const { engine, registry } = await openWith({ layers })
  const answer = await pull(engine, 'demo')
  expect(answer.text).toContain('Waiting')
  expect(registry.most).toBe(3)
})

test('two pulls of one image fetch each layer once', async () => {
  const { engine, registry } = await openWith()
  const answers = await Promise.all([pull(engine, 'demo'), pull(engine, 'demo')])
  for (const answer of answers) expect(answer.text).toContain('Digest: ')
  const layers = registry.requests.filter((path) => path.includes('/blobs/'))
  expect(new Set(layers).size).toBe(3)
  expect(layers.length).toBeLessThanOrEqual(4)
})

test('list, filters, inspect, history', async () => {
  const { engine, registry, digests } = await openWith()
  registry.add('team/app:1.0', {
    layers: [base],
    config: {
      created: '2025-01-01T00:00:00Z',
      config: { Cmd: ['sh'], Labels: { role: 'web' } },
    },
  })
  await pull(engine, 'demo')
  await pull(engine, 'team/app', '1.0')
  const list = async (filters: object, query = ''): Promise<ImageSummary[]> =>
    (
      await engine.request(
        'GET',
        `/v1.51/images/json?filters=${encodeURIComponent(JSON.stringify(filters))}${query}`,
      )
    ).json()
  const names = async (filters: object) => (await list(filters)).flatMap(({ RepoTags }) => RepoTags)
  expect(await names({})).toEqual(['team/app:1.0', 'demo:latest'])
  expect(await names({ reference: ['dem*'] })).toEqual(['demo:latest'])
  expect(await names({ reference: { 'team/*:1*': true } })).toEqual(['team/app:1.0'])
  expect(await names({ reference: ['*'] })).toEqual(['demo:latest'])
  expect(await names({ label: { 'role=web': true } })).toEqual(['team/app:1.0'])
  expect(await names({ before: ['team/app:1.0'] })).toEqual(['demo:latest'])
  expect(await names({ since: ['demo'] })).toEqual(['team/app:1.0'])
  expect(await names({ dangling: ['true'] })).toEqual([])
  const bogus = await engine.request('GET', '/images/json?filters={"bogus":["1"]}')
  expect([bogus.status, bogus.text]).toEqual([400, '{"message":"invalid filter \'bogus\'"}\n'])
  const [, demo] = await list({}, '&shared-size=1')
  expect(demo).toMatchObject({ Size: 11, SharedSize: 8, Containers: -1, ParentId: '' })

  for (const name of [
    'demo',
    'docker.io/library/demo:latest',
    digests.config,
    digests.config.slice(7, 19),
    `demo@${digests.manifest}`,
  ]) {
    const found = await engine.request('GET', `/images/${name}/json`)
    expect(found.json<ImageInspect>().Id).toBe(digests.config)
  }
  const app = (await engine.request('GET', '/images/team/app:1.0/json')).json<ImageInspect>()
  expect(app).toMatchObject({
    RepoTags: ['team/app:1.0'],
    Architecture: '386',
    Os: 'linux',
    Created: '2025-01-01T00:00:00Z',
    Config: { Cmd: ['sh'], Entrypoint: null, Labels: { role: 'web' } },
    RootFS: { Type: 'layers', Layers: [digestOf(base)] },
  })
  const history = await engine.request('GET', '/images/demo/history')
  expect(history.json()).toMatchObject([
    { Id: digests.config, CreatedBy: 'step 1', Size: 3, Tags: ['demo:latest'] },
    { Id: '<missing>', CreatedBy: 'step 0', Size: 8, Tags: null },
  ])
  const nope = await engine.request('GET', '/images/nope/json')
  expect([nope.status, nope.json()]).toEqual([404, { message: 'No such image: nope:latest' }])
})

test('tag, untag, delete, prune', async () => {
  const { engine, digests } = await openWith()
  await pull(engine, 'demo')
  expect((await engine.request('POST', '/images/demo/tag?repo=mine&tag=2')).status).toBe(201)
  const upper = await engine.request('POST', '/images/demo/tag?repo=Bad_UPPER')
  expect([upper.status, upper.json()]).toEqual([
    400,
    {
      message: 'invalid reference format: repository name (library/Bad_UPPER) must be lowercase',
    },
  ])
  const conflict = await engine.request('DELETE', `/images/${digests.config.slice(7, 19)}`)
  expect([conflict.status, conflict.json()]).toEqual([
    409,
    {
      message: `conflict: unable to delete ${digests.config.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
    },
  ])
  expect((await engine.request('DELETE', '/images/mine:2')).json()).toEqual([
    { Untagged: 'mine:2' },
  ])
  expect((await engine.request('POST', '/images/prune')).json()).toEqual({
    ImagesDeleted: null,
    SpaceReclaimed: 0,
  })
  const all = await engine.request('POST', '/images/prune?filters={"dangling":{"false":true}}')
  expect(all.json()).toMatchObject({ SpaceReclaimed: 11 })
  expect((await engine.request('GET', '/images/json')).json()).toEqual([])
})

test('a connection that breaks is tried again', async () => {
  const registry = new ImageRegistry()
  const { layers } = registry.add('library/demo:latest', { layers: [base] })
  let broken = 0
  const flaky: RegistryTransport = {
    send: async (request) => {
      if (!request.path.endsWith(layers[0] ?? '') || broken++ >= 2) return registry.send(request)
      const body = new ReadableStream<Uint8Array>({
        pull: () => Promise.reject(new TypeError('terminated')),
      })
      return { status: 200, headers: {}, body }
    },
  }
  // An hour is a moment.
  const clock: Clock = { ...nodeClock, sleep: () => Promise.resolve() }
  const engine = await openEngine({ registry: flaky, clock })
  const answer = await pull(engine, 'demo')
  expect(answer.text).toContain('Retrying in 10 seconds')
  expect(answer.text).toContain('Retrying in 1 second"')
  expect(answer.text).toContain('Downloaded newer image for demo:latest')
})

test.each([
  { config: { Labels: { a: 1 } } },
  { config: { Cmd: 'sh' } },
  { config: [] },
  { history: 'x' },
  { history: [null] },
  { rootfs: { diff_ids: ['sha256:short'] } },
  { rootfs: null },
  { os: 5 },
])('a config with %j is refused', async (config) => {
  const registry = new ImageRegistry()
  registry.add('library/odd:latest', { layers: [base], config: config as object })
  const { request } = await openEngine({ registry })
  const answer = await request('POST', '/images/create?fromImage=odd&tag=latest')
  expect(last(answer.lines())).toBe("the image's config is malformed")
})

test('a config with nulls, an odd date and names like __proto__ is taken', async () => {
  const registry = new ImageRegistry()
  const config = JSON.parse(
    '{"created":"yesterday","history":null,"config":{"Cmd":null,"Labels":{"__proto__":"x"}}}',
  ) as object
  registry.add('library/odd:latest', { layers: [base], config })
  const { request } = await openEngine({ registry })
  await request('POST', '/images/create?fromImage=odd&tag=latest')
  const [image] = (await request('GET', '/images/json')).json<ImageSummary[]>()
  expect(image?.Created).toBe(-62135596800)
  expect((await request('GET', '/images/odd/history')).json()).toEqual([])
})
