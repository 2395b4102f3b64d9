import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { EngineOptions } from '../../src/engine/context.ts'
import { FileBlobStore } from '../../src/hosts/node/stores/file-blob-store.ts'
import { FileLogStore } from '../../src/hosts/node/stores/file-log-store.ts'
import { FileRecordStore } from '../../src/hosts/node/stores/file-record-store.ts'
import { MemoryBlobStore } from '../../src/storage/memory-blob-store.ts'
import { MemoryLogStore } from '../../src/storage/memory-log-store.ts'
import { MemoryRecordStore } from '../../src/storage/memory-record-store.ts'
import { recordKinds } from '../../src/storage/transfer/contents.ts'
import { openEngine, type CallOptions, type TestEngine } from '../support/api-client.ts'
import { ImageRegistry, tarOf } from '../support/image-registry.ts'
import { Power, PoweredMachine } from '../support/power.ts'
import type { ScriptedDisk } from '../support/scripted-disk.ts'

type Stores = Pick<EngineOptions, 'blobs' | 'records' | 'logs'>

/** What lasts beyond a power cut. */
interface World extends Stores {
  readonly disk: ScriptedDisk
}

type Ask = (method: string, path: string, options?: CallOptions) => Promise<void>

/** An operation of an engine, in the parts that are answered one by one. */
interface Operation {
  readonly name: string
  readonly before?: (ask: Ask) => Promise<void>
  readonly parts: readonly ((ask: Ask, engine: TestEngine) => Promise<void>)[]
}

const registry = new ImageRegistry()
registry.add('library/busybox:latest', {
  layers: [tarOf({ 'etc/': '', 'etc/motd': 'hello\n' }), tarOf({ top: 'x' })],
})
registry.add('library/other:latest', { layers: [tarOf({ 'etc/': '', 'etc/motd': 'other\n' })] })

const create = (name: string, body: object = {}): Parameters<Ask> => [
  'POST',
  `/containers/create?name=${name}`,
  { body: { Image: 'busybox', Cmd: ['sleep', '1000'], HostConfig: {}, ...body } },
]
const context = tarOf({ Dockerfile: 'FROM busybox\nCOPY file /\nLABEL a=b\n', file: 'content' })
const tar = { 'content-type': 'application/x-tar' }
let saved: Uint8Array

const operations: readonly Operation[] = [
  {
    name: 'create, with volumes',
    parts: [
      (ask) =>
        ask(...create('new', { Volumes: { '/own': {} }, HostConfig: { Binds: ['named:/n'] } })),
    ],
  },
  {
    name: 'start, and its end',
    before: (ask) => ask(...create('new', { Volumes: { '/own': {} } })),
    parts: [
      (ask) => ask('POST', '/containers/new/start'),
      async (ask) => {
        await ask('POST', '/containers/new/kill')
        await ask('POST', '/containers/new/wait')
      },
    ],
  },
  {
    name: 'stop',
    before: (ask) => ask(...create('new', { HostConfig: { RestartPolicy: { Name: 'no' } } })),
    parts: [
      (ask) => ask('POST', '/containers/new/start'),
      (ask) => ask('POST', '/containers/new/stop?t=0'),
    ],
  },
  {
    name: 'run --rm',
    parts: [
      async (ask) => {
        await ask(
          ...create('new', {
            Cmd: ['echo'],
            HostConfig: { AutoRemove: true },
            Volumes: { '/own': {} },
          }),
        )
        await ask('POST', '/containers/new/start')
        await ask('POST', '/containers/new/wait?condition=removed')
      },
    ],
  },
  { name: 'commit', parts: [(ask) => ask('POST', '/commit?container=kept&repo=snap')] },
  { name: 'rename', parts: [(ask) => ask('POST', '/containers/kept/rename?name=another')] },
  { name: 'rm', parts: [(ask) => ask('DELETE', '/containers/kept')] },
  { name: 'rm -v', parts: [(ask) => ask('DELETE', '/containers/kept?v=1')] },
  {
    name: 'volume create',
    parts: [(ask) => ask('POST', '/volumes/create', { body: { Name: 'new' } })],
  },
  {
    name: 'volume rm, and another of its name',
    before: async (ask) => {
      await ask(...create('user', { Cmd: ['echo'], HostConfig: { Binds: ['old:/o'] } }))
      await ask('POST', '/containers/user/start')
      await ask('POST', '/containers/user/wait')
      await ask('DELETE', '/containers/user')
    },
    parts: [
      (ask) => ask('DELETE', '/volumes/old'),
      (ask) => ask('POST', '/volumes/create', { body: { Name: 'old', Labels: { second: '' } } }),
    ],
  },
  {
    name: 'pull',
    parts: [(ask) => ask('POST', '/images/create?fromImage=other&tag=latest')],
  },
  {
    name: 'load',
    parts: [(ask) => ask('POST', '/images/load?quiet=1', { body: saved, headers: tar })],
  },
  {
    name: 'build',
    parts: [(ask) => ask('POST', '/build?t=built', { body: context, headers: tar })],
  },
  {
    name: 'rmi',
    before: (ask) => ask('POST', '/images/create?fromImage=other&tag=latest'),
    parts: [(ask) => ask('DELETE', '/images/other')],
  },
  {
    name: 'network create and rm',
    parts: [
      (ask) => ask('POST', '/networks/create', { body: { Name: 'new' } }),
      (ask) => ask('DELETE', '/networks/new'),
    ],
  },
]

const openIn = async (world: Stores, machine: PoweredMachine): Promise<TestEngine> =>
  openEngine({ blobs: world.blobs, records: world.records, logs: world.logs, registry, machine })

const askOf =
  ({ request }: TestEngine): Ask =>
  async (method, path, options) => {
    const { status, text } = await request(method, path, options)
    if (status >= 400 || text.includes('errorDetail'))
      throw new Error(`${method} ${path}: ${status} ${text}`)
  }

const isId = (name: string): boolean => /^[0-9a-f]{64}$/.test(name)

/** What a user sees, without what chance gave. */
async function listing({ request }: TestEngine): Promise<unknown> {
  const get = async <T>(path: string): Promise<T> => (await request('GET', path)).json<T>()
  const containers = await get<{ Id: string; Names: string[] }[]>('/containers/json?all=1')
  const volumes = await get<{ Volumes: { Name: string; Labels: object | null }[] }>('/volumes')
  const images = await get<{ RepoTags: string[] }[]>('/images/json')
  const networks = await get<{ Name: string }[]>('/networks')
  const states = await Promise.all(
    containers.map(async ({ Id, Names }) => {
      const { State, Mounts } = await get<{
        State: { Status: string; ExitCode: number }
        Mounts: { Name: string }[]
      }>(`/containers/${Id}/json`)
      // Each of its volumes is listed.
      const known = new Set(volumes.Volumes.map(({ Name }) => Name))
      expect(Mounts.filter(({ Name }) => !known.has(Name))).toEqual([])
      return `${Names[0]} ${State.Status} ${State.ExitCode}`
    }),
  )
  return {
    containers: states.sort(),
    volumes: volumes.Volumes.map(
      ({ Name, Labels }) => `${isId(Name) ? 'own' : Name} ${Object.keys(Labels ?? {}).join(' ')}`,
    ).sort(),
    images: images.map(({ RepoTags }) => RepoTags.join(' ')).sort(),
    networks: networks.map(({ Name }) => Name).sort(),
  }
}

/** Open again what a power cut left. @returns what is seen then, once all is put right */
async function reopened(world: World): Promise<unknown> {
  const machine = new PoweredMachine(new Power(), world.disk)
  await using engine = await openIn(world, machine)
  const { request } = engine
  const containers = async (): Promise<{ Id: string; State: string }[]> =>
    (await request('GET', '/containers/json?all=1')).json()
  await expect
    .poll(async () => (await containers()).filter(({ State }) => /removing|dead/.test(State)))
    .toEqual([])
  await expect
    .poll(async () => {
      const ids = new Set((await containers()).map(({ Id }) => Id))
      return [...machine.disk.uppers].filter((id) => !ids.has(id))
    })
    .toEqual([])
  const { Volumes } = (await request('GET', '/volumes')).json<{ Volumes: { Name: string }[] }>()
  const names = new Set(Volumes.map(({ Name }) => Name))
  await expect.poll(() => [...machine.disk.volumes].filter((name) => !names.has(name))).toEqual([])
  await expectWholeImages(world)
  return await listing(engine)
}

/** Every blob that a record names is there, and no other. */
async function expectWholeImages({ records, blobs }: Stores): Promise<void> {
  const wanted = new Set((await records.list('image')).keys())
  for (const [diffId, layer] of await records.list('layer')) {
    wanted.add(diffId)
    wanted.add((layer as { index: string }).index)
  }
  const found: string[] = []
  for await (const { digest } of blobs.list()) found.push(digest)
  expect(found.sort()).toEqual([...wanted].sort())
}

/** The beginning of an operation: an image, a container with a layer and a volume, and what it wants itself. */
async function prepare(stores: Stores, { before }: Operation): Promise<World> {
  const machine = new PoweredMachine(new Power())
  await using engine = await openIn(stores, machine)
  const ask = askOf(engine)
  await ask('POST', '/images/create?fromImage=busybox&tag=latest')
  await ask(...create('kept', { Cmd: ['echo', 'kept'], Volumes: { '/own': {} } }))
  await ask('POST', '/containers/kept/start')
  await ask('POST', '/containers/kept/wait')
  await before?.(ask)
  await machine.disk.sync()
  return { ...stores, disk: machine.disk.left(0) }
}

/**
 * Perform the operation, with a power cut after so many steps.
 * @returns how many parts were answered; whether the power lasted; what is left by how much of the disk was lost
 */
async function perform(
  world: World,
  { parts }: Operation,
  last?: number,
): Promise<{ answered: number; isWhole: boolean; machine: PoweredMachine }> {
  const power = new Power(last)
  const machine = new PoweredMachine(power, world.disk)
  const engine = await openIn(
    {
      blobs: power.blobs(world.blobs),
      records: power.records(world.records),
      logs: power.logs(world.logs),
    },
    machine,
  )
  const ask = askOf(engine)
  let answered = 0
  const work = async (): Promise<true> => {
    for (const part of parts) {
      await part(ask, engine)
      answered++
    }
    return true
  }
  const isWhole = (await Promise.race([work(), power.failed])) === true
  return { answered, isWhole, machine }
}

async function copyStores({ records, blobs }: Stores): Promise<Stores> {
  const copy = {
    records: new MemoryRecordStore(),
    blobs: new MemoryBlobStore(),
    logs: new MemoryLogStore(),
  }
  for (const kind of recordKinds)
    for (const [key, value] of await records.list(kind))
      await copy.records.commit([{ kind, key, value }])
  for await (const { digest, size } of blobs.list()) {
    await using reader = await blobs.open(digest)
    const bytes = await reader.read(0, size)
    await copy.blobs.write(
      (async function* () {
        yield bytes
      })(),
    )
  }
  return copy
}

const memory = (): Stores => ({
  records: new MemoryRecordStore(),
  blobs: new MemoryBlobStore(),
  logs: new MemoryLogStore(),
})

/** What may be seen after a cut: what is seen after none, one, two of the parts. */
async function landmarks(world: World, operation: Operation): Promise<unknown[]> {
  const seen: unknown[] = []
  for (let count = 0; count <= operation.parts.length; count++) {
    const copy = { ...(await copyStores(world)), disk: world.disk }
    const { machine } = await perform(copy, {
      ...operation,
      parts: operation.parts.slice(0, count),
    })
    seen.push(await reopened({ ...copy, disk: machine.disk.left(0) }))
  }
  return seen
}

async function expectLandmark(
  world: World,
  seen: readonly unknown[],
  answered: number,
  where: string,
): Promise<void> {
  const found = await reopened(world)
  // What was answered is there; what was not may be, but as a whole.
  expect(seen.slice(answered), where).toContainEqual(found)
  // And that is the end of it: nothing more is put right the next time.
  expect(await reopened(world), `${where}, again`).toEqual(found)
}

describe.each(operations.map((operation) => [operation.name, operation] as const))(
  'a power cut after any step of %s',
  (_, operation) => {
    test('leaves all of it or nothing', { timeout: 240_000 }, async () => {
      {
        await using engine = await openIn(memory(), new PoweredMachine(new Power()))
        await askOf(engine)('POST', '/images/create?fromImage=other&tag=latest')
        const { body } = await engine.handler({
          method: 'GET',
          path: '/images/other/get',
          headers: {},
          signal: new AbortController().signal,
          id: 'save',
        })
        saved = new Uint8Array(await new Response(body ?? null).arrayBuffer())
      }
      const world = await prepare(memory(), operation)
      const seen = await landmarks(world, operation)
      for (let last = 0, isWhole = false; !isWhole; last++) {
        let lost = 0
        for (let unsynced = 0; lost <= unsynced; lost++) {
          const copy = { ...(await copyStores(world)), disk: world.disk }
          const result = await perform(copy, operation, last)
          unsynced = result.machine.disk.unsynced
          isWhole = result.isWhole
          await expectLandmark(
            { ...copy, disk: result.machine.disk.left(Math.min(lost, unsynced)) },
            seen,
            result.answered,
            `step ${last}, the disk's last ${lost} changes lost`,
          )
        }
        expect(last).toBeLessThan(60)
      }
    })
  },
)

const root = mkdtempSync(join(tmpdir(), 'drydock-power-'))
afterAll(() => rmSync(root, { recursive: true }))

const inFolder = async (folder: string): Promise<Stores> => ({
  records: await FileRecordStore.open(folder),
  blobs: await FileBlobStore.open(folder),
  logs: new FileLogStore(folder),
})

test.each(['create, with volumes', 'rm -v', 'build', 'pull'])(
  'the same in files: %s',
  async (name) => {
    const operation = operations.find((one) => one.name === name)
    if (!operation) throw new Error('no such operation')
    const folder = mkdtempSync(join(root, 'data-'))
    const { disk, ...stores } = await prepare(await inFolder(folder), operation)
    const seen = await landmarks({ ...stores, disk }, operation)
    for (let last = 0, isWhole = false; !isWhole; last++) {
      const copy = `${folder}-${last}`
      cpSync(folder, copy, { recursive: true })
      const result = await perform({ ...(await inFolder(copy)), disk }, operation, last)
      isWhole = result.isWhole
      await expectLandmark(
        { ...(await inFolder(copy)), disk: result.machine.disk.left(0) },
        seen,
        result.answered,
        `step ${last}`,
      )
    }
  },
  120_000,
)
