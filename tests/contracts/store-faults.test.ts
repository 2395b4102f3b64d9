import 'fake-indexeddb/auto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { EngineOptions } from '../../src/engine/context.ts'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { openFileStores } from '../../src/hosts/node/stores/file-stores.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { DISK_BLOCK, type DiskStore } from '../../src/ports/disk-store.ts'
import type { StorageRoom } from '../../src/ports/storage-room.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import { openIdbStores } from '../../src/storage/idb/stores.ts'
import { MemoryBlobStore } from '../../src/storage/memory-blob-store.ts'
import { MemoryLogStore } from '../../src/storage/memory-log-store.ts'
import { MemoryRecordStore } from '../../src/storage/memory-record-store.ts'
import { guardBlobs, guardMedium, guardRecords } from '../../src/storage/room/guarded-stores.ts'
import type { Reserve } from '../../src/storage/room/reserve.ts'
import { RoomKeeper } from '../../src/storage/room/room-keeper.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'
import { ImageRegistry, tarOf } from '../support/image-registry.ts'
import { ScriptedMachine } from '../support/scripted-machine.ts'
import {
  breakFiles,
  breakIdb,
  breakMemory,
  Fault,
  type IdbFault,
  type MemoryFault,
} from '../support/store-faults.ts'
import { blockOf } from './disk-store.ts'

type Stores = Pick<EngineOptions, 'blobs' | 'records' | 'logs'> &
  AsyncDisposable & { readonly disk: DiskStore; readonly room: StorageRoom }

const DISK_SIZE = 64 * DISK_BLOCK

/** Looks for room come at once; the reserve is made later, so that the count of writes is each time the same. */
const eager: Clock = {
  ...nodeClock,
  sleep: (milliseconds, signal) =>
    nodeClock.sleep(milliseconds === 8000 ? 600_000 : Math.min(milliseconds, 10), signal),
}

function registry(): ImageRegistry {
  const images = new ImageRegistry()
  images.add('library/demo:latest', {
    layers: [tarOf({ 'etc/': '', 'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n' })],
    config: { config: { Cmd: ['echo', 'hi'] } },
  })
  return images
}

/** What the engine and the disk said they have done. */
interface Acknowledged {
  readonly there: Set<string>
  readonly gone: Set<string>
  readonly blocks: Map<number, number>
  readonly refusals: string[]
}

/** Everything that writes, once; who is refused, asks again as a person does. */
async function perform(docker: Docker, disk: DiskStore): Promise<Acknowledged> {
  const said: Acknowledged = {
    there: new Set(),
    gone: new Set(),
    blocks: new Map(),
    refusals: [],
  }
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      said.refusals.push(error instanceof Error ? error.message : String(error))
      return work()
    }
  }
  const call = (method: string, path: string, body?: unknown): Promise<unknown> =>
    ask(async () => {
      const answer = await docker.request(method, path, body === undefined ? {} : { body })
      if (answer.status >= 400 || answer.text.includes('errorDetail'))
        throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
      return answer.text.startsWith('{') && !path.includes('images/create')
        ? answer.json()
        : undefined
    })
  const write = async (block: number, value: number): Promise<void> => {
    await ask(async () => {
      await disk.write(block * DISK_BLOCK, blockOf(value))
      await disk.flush()
    })
    said.blocks.set(block, value)
  }
  await call('POST', '/images/create?fromImage=demo&tag=latest')
  said.there.add('image docker.io/library/demo:latest')
  for (const name of ['data', 'old']) {
    await call('POST', '/volumes/create', { Name: name })
    said.there.add(`volume ${name}`)
  }
  await call('POST', '/networks/create', { Name: 'net' })
  said.there.add('network net')
  await write(1, 1)
  for (const name of ['kept', 'removed']) {
    await call('POST', `/containers/create?name=${name}`, {
      Image: 'demo',
      Cmd: ['echo', name],
      HostConfig: { NetworkMode: 'none', Binds: ['data:/data'] },
    })
    said.there.add(`container ${name}`)
    await call('POST', `/containers/${name}/start`)
    await call('POST', `/containers/${name}/wait`)
    await write(2, said.blocks.size + 10)
  }
  await call('POST', '/commit?container=kept&repo=made&tag=1')
  said.there.add('image docker.io/library/made:1')
  await call('DELETE', '/containers/removed')
  said.there.delete('container removed')
  said.gone.add('container removed')
  await call('DELETE', '/volumes/old')
  said.there.delete('volume old')
  said.gone.add('volume old')
  await write(1, 99)
  return said
}

async function found(docker: Docker): Promise<Set<string>> {
  const get = async <T>(path: string): Promise<T> => (await docker.request('GET', path)).json<T>()
  const names = new Set<string>()
  for (const { Names } of await get<{ Names: string[] }[]>('/containers/json?all=1'))
    names.add(`container ${Names[0]?.slice(1) ?? ''}`)
  for (const { Name } of (await get<{ Volumes: { Name: string }[] }>('/volumes')).Volumes)
    names.add(`volume ${Name}`)
  for (const { Name } of await get<{ Name: string }[]>('/networks')) names.add(`network ${Name}`)
  for (const { RepoTags } of await get<{ RepoTags: string[] }[]>('/images/json'))
    for (const tag of RepoTags) names.add(`image docker.io/library/${tag}`)
  return names
}

/** The scenario on stores of which one write fails; then what another process finds. */
async function run(
  open: () => Promise<Stores>,
  fault: Fault,
  failing: number,
): Promise<readonly string[]> {
  let said: Acknowledged
  {
    fault.arm(failing)
    const early: string[] = []
    const refused = (error: unknown): void => void early.push(String(error))
    // A start that is refused says why, and another one works.
    let stores = await open().catch(refused)
    stores ??= await open()
    const options = { ...stores, machine: new ScriptedMachine(), registry: registry() }
    {
      await using docker = (await openDocker(options).catch(refused)) ?? (await openDocker(options))
      said = await perform(docker, stores.disk)
      said.refusals.push(...early)
      // What the room keeper found bad, is well again.
      await expect.poll(() => stores.room.trouble, { interval: 5, timeout: 20_000 }).toBe(undefined)
    }
    try {
      await stores[Symbol.asyncDispose]()
    } catch (error) {
      said.refusals.push(String(error))
    }
  }
  fault.arm(0)
  const stores = await open()
  {
    await using docker = await openDocker({
      ...stores,
      machine: new ScriptedMachine(),
      registry: registry(),
    })
    const names = await found(docker)
    for (const name of said.there) expect([...names], `write ${failing}`).toContain(name)
    for (const name of said.gone) expect([...names], `write ${failing}`).not.toContain(name)
    const logs = await docker.request('GET', '/containers/kept/logs?stdout=1')
    expect(logs.text, `write ${failing}`).toContain('kept')
    for (const [block, value] of said.blocks)
      expect(await stores.disk.read(block * DISK_BLOCK, DISK_BLOCK)).toEqual(blockOf(value))
    // The image's layers are whole: all that is stored can be read.
    const saved = await docker.request('GET', '/images/get?names=demo:latest&names=made:1')
    expect(saved.status).toBe(200)
  }
  await stores[Symbol.asyncDispose]()
  return said.refusals
}

/** Each write in turn, until the scenario has no more. @returns all refusals */
async function eachWrite(
  open: () => Promise<() => Promise<Stores>>,
  fault: Fault,
): Promise<{ readonly writes: number; readonly refusals: readonly string[] }> {
  expect(await run(await open(), fault, 0)).toEqual([])
  const writes = fault.passed
  const refusals: string[] = []
  for (let failing = 1; failing <= writes; failing++)
    refusals.push(...(await run(await open(), fault, failing)))
  return { writes, refusals }
}

describe('each write of a whole scenario fails once; nothing that was acknowledged is lost', () => {
  test.each<MemoryFault>(['full', 'failure'])(
    'in memory: %s',
    async (kind) => {
      const fault = new Fault()
      const none: Reserve = {
        size: 0,
        probe: () => undefined,
        release: () => Promise.resolve(),
        fill: () => Promise.resolve(true),
        shrink: () => Promise.resolve(),
      }
      const open = async (): Promise<() => Promise<Stores>> => {
        const [blobs, records, logs] = [
          new MemoryBlobStore(),
          new MemoryRecordStore(),
          new MemoryLogStore(),
        ]
        const segments: ConstructorParameters<typeof MemoryMedium>[0] = new Map()
        return async () => {
          const room = new RoomKeeper(none, eager)
          const bad = <Store extends object>(
            store: Store,
            names: readonly (keyof Store & string)[],
          ): Store => breakMemory(store, names, fault, () => kind)
          const medium = bad(new MemoryMedium(segments), ['append', 'remove'])
          const disk = await LogDiskStore.open(guardMedium(medium, room), DISK_SIZE)
          return {
            blobs: guardBlobs(bad(blobs, ['write', 'delete']), room),
            records: guardRecords(bad(records, ['commit']), room),
            logs,
            disk,
            room,
            [Symbol.asyncDispose]: async () => {
              await disk[Symbol.asyncDispose]()
              await room[Symbol.asyncDispose]()
            },
          }
        }
      }
      const { writes, refusals } = await eachWrite(open, fault)
      expect(writes).toBeGreaterThan(15)
      // Blobs alone are refused, and with the reason.
      for (const refusal of refusals) expect(refusal).toMatch(/no space left|storage failed/)
    },
    120_000,
  )

  let databases = 0
  test.each<IdbFault>(['quota', 'abort', 'disconnect'])(
    'in IndexedDB: %s',
    async (kind) => {
      const fault = new Fault()
      using _ = breakIdb(fault, () => kind)
      const open = (): Promise<() => Promise<Stores>> => {
        const name = `faults-${databases++}`
        return Promise.resolve(() =>
          openIdbStores(name, { diskSize: DISK_SIZE, clock: eager, reserve: 1 << 20 }),
        )
      }
      const { writes, refusals } = await eachWrite(open, fault)
      expect(writes).toBeGreaterThan(20)
      for (const refusal of refusals) expect(refusal).toMatch(/no space left|storage failed/)
    },
    240_000,
  )

  const folders: string[] = []
  afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))
  test.each(['ENOSPC', 'EIO'])(
    'in files: %s',
    async (code) => {
      const fault = new Fault()
      using _ = await breakFiles(fault, () => code)
      const open = (): Promise<() => Promise<Stores>> => {
        const folder = mkdtempSync(join(tmpdir(), 'drydock-faults-'))
        folders.push(folder)
        return Promise.resolve(() => openFileStores(folder, { clock: eager }))
      }
      const { writes, refusals } = await eachWrite(open, fault)
      expect(writes).toBeGreaterThan(20)
      for (const refusal of refusals) expect(refusal).toMatch(/no space left|ENOSPC|EIO/)
    },
    240_000,
  )
})
