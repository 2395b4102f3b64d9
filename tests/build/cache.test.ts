import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tarOf } from '../support/image-registry.ts'
import { build, call, contentOf, nodeAt, savedImage, type Built } from '../support/build-images.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'drydock-build-'))
let server: HeadlessServer

beforeAll(async () => {
  server = await startServer(folder)
  await call(server.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
}, 180_000)

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const dockerfile = [
  'FROM busybox AS build',
  'WORKDIR /src',
  'COPY package .',
  'RUN cat package > installed',
  'COPY main .',
  'RUN cat installed main > /program',
  'FROM busybox',
  'LABEL name=first',
  'COPY --from=build /program /program',
  'COPY config /config',
  'RUN echo ready > /ready',
  'CMD ["cat", "/program"]',
  '',
].join('\n')

const files = { Dockerfile: dockerfile, package: 'p1\n', main: 'm1\n', config: 'c1\n' }

const run = async (
  changed: Readonly<Record<string, string>> = {},
  query: Readonly<Record<string, unknown>> = {},
): Promise<Built & { readonly steps: readonly string[] }> => {
  const built = await build(server.socket, tarOf({ ...files, ...changed }), { t: 'app', ...query })
  expect(built.error).toBeUndefined()
  return { ...built, steps: notCached(built.output) }
}

/** Instructions that were done anew, of those that make a layer. */
const notCached = (output: string): string[] =>
  output
    .split(/^Step \d+\/\d+ : /m)
    .slice(1)
    .filter((step) => /^(RUN|COPY|ADD|WORKDIR)/.test(step) && !step.includes('---> Using cache'))
    .map((step) => step.split('\n')[0] ?? '')

test('the first build does all, the same again nothing and gives the same image', async () => {
  const first = await run()
  expect(first.steps).toHaveLength(8)
  const second = await run()
  expect(second.steps).toEqual([])
  expect(second.image).toBe(first.image)
  const { root } = await savedImage(server.socket, 'app')
  const program = nodeAt(root, 'program')
  expect(program && contentOf(program)).toBe('p1\nm1\n')
}, 120_000)

test.each([
  [
    'a file of the last stage',
    { config: 'c2\n' },
    ['COPY config /config', 'RUN echo ready > /ready'],
  ],
  [
    'a file of the first stage',
    { main: 'm2\n' },
    [
      'COPY main .',
      'RUN cat installed main > /program',
      'COPY --from=build /program /program',
      'COPY config /config',
      'RUN echo ready > /ready',
    ],
  ],
  ['a file that no instruction copies', { README: 'new' }, []],
  ['metadata', { Dockerfile: dockerfile.replace('name=first', 'name=second') }, []],
  [
    'a command',
    { Dockerfile: dockerfile.replace('echo ready', 'echo  ready') },
    ['RUN echo  ready > /ready'],
  ],
] as const)(
  'an edit of %s',
  async (_, changed, steps) => {
    expect((await run(changed)).steps).toEqual(steps)
  },
  60_000,
)

test('an edit that changes no output of a stage leaves the stages after it cached', async () => {
  const text = dockerfile.replace('cat installed main', 'cat  installed main')
  expect((await run({ Dockerfile: text })).steps).toEqual(['RUN cat  installed main > /program'])
}, 120_000)

test('nothing is taken with nocache, and of one stage with its filter', async () => {
  expect((await run({}, { nocache: '1' })).steps).toHaveLength(8)
  expect((await run({}, { nocachefilter: ['build'] })).steps.slice(0, 5)).toEqual([
    'WORKDIR /src',
    'COPY package .',
    'RUN cat package > installed',
    'COPY main .',
    'RUN cat installed main > /program',
  ])
}, 120_000)

test('with pull the base is asked for again, and what is the same stays cached', async () => {
  await run()
  const { messages, steps } = await run({}, { pull: '1' })
  expect(steps).toEqual([])
  expect(messages.some(({ error }) => error !== undefined)).toBe(false)
}, 120_000)

test('the cache survives a restart', async () => {
  await run()
  await server.kill()
  server = await startServer(folder)
  expect((await run()).steps).toEqual([])
}, 120_000)

test('what du shows is what prune removes; images keep their layers', async () => {
  const usage = async (): Promise<readonly { ID: string; Shared: boolean }[]> => {
    const { bytes } = await call(server.socket, 'GET', '/system/df')
    return (JSON.parse(new TextDecoder().decode(bytes)) as { BuildCache: never[] }).BuildCache
  }
  const prune = async (query: string): Promise<{ CachesDeleted: string[] | null }> => {
    const { bytes } = await call(server.socket, 'POST', `/build/prune${query}`)
    return JSON.parse(new TextDecoder().decode(bytes)) as { CachesDeleted: string[] | null }
  }
  const before = await usage()
  expect(before.some(({ Shared }) => Shared)).toBe(true)
  const { CachesDeleted } = await prune('')
  expect(CachesDeleted?.sort()).toEqual(
    before
      .filter(({ Shared }) => !Shared)
      .map(({ ID }) => ID)
      .sort(),
  )
  await prune('?all=1')
  expect(await usage()).toEqual([])
  const { root } = await savedImage(server.socket, 'app')
  expect(nodeAt(root, 'ready')?.kind).toBe('file')
  expect((await run()).steps).toHaveLength(8)
}, 120_000)

test('an image is a cache', async () => {
  await run()
  await call(server.socket, 'POST', '/build/prune?all=1')
  const { steps } = await run({}, { cachefrom: ['app:latest'] })
  expect(steps).not.toContain('RUN echo ready > /ready')
  expect(steps).not.toContain('COPY config /config')
}, 120_000)

test('SOURCE_DATE_EPOCH gives the same image twice, without the cache', async () => {
  const query = { nocache: '1', buildargs: { SOURCE_DATE_EPOCH: '1700000000' } }
  const first = await run({}, query)
  const second = await run({ README: 'not copied' }, query)
  expect(second.image).toBe(first.image)
  const { config, layers } = await savedImage(server.socket, 'app')
  expect(config.created).toBe('2023-11-14T22:13:20Z')
  for (const { entries } of layers.slice(1)) {
    for (const { mtime } of entries) expect(mtime).toBeLessThanOrEqual(1_700_000_000)
  }
}, 120_000)
