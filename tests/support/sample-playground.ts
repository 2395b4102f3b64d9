import type { EngineOptions } from '../../src/engine/context.ts'
import { DISK_BLOCK, type DiskStore } from '../../src/ports/disk-store.ts'
import { openEngine, type TestEngine } from './api-client.ts'
import { ImageRegistry, tarOf } from './image-registry.ts'
import { ScriptedMachine } from './scripted-machine.ts'

/** What a playground's stores are, wherever they are kept. */
export type SampleStores = Pick<EngineOptions, 'blobs' | 'records' | 'logs'> & {
  readonly disk: DiskStore
}

export const block = (fill: number): Uint8Array => new Uint8Array(DISK_BLOCK).fill(fill)

export const engineOver = ({ blobs, records, logs }: SampleStores): Promise<TestEngine> => {
  const registry = new ImageRegistry()
  registry.add('library/busybox:latest', {
    layers: [tarOf({ 'etc/': '', 'etc/motd': 'hello\n' }), tarOf({ 'bin/': '', 'bin/sh': 'sh' })],
  })
  return openEngine({ blobs, records, logs, registry, machine: new ScriptedMachine() })
}

/** An image, a network, a volume, two containers with a log, some blocks of a disk. */
export async function fillSample(stores: SampleStores): Promise<void> {
  await using opened = await engineOver(stores)
  const { request } = opened
  const done = async (method: string, path: string, body?: unknown): Promise<void> => {
    const { status, text } = await request(method, path, body === undefined ? {} : { body })
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
  }
  await done('POST', '/images/create?fromImage=busybox&tag=latest')
  await done('POST', '/networks/create', { Name: 'front', Labels: { tier: 'one' } })
  await done('POST', '/volumes/create', { Name: 'data', Labels: { keep: 'yes' } })
  await done('POST', '/containers/create?name=kept', {
    Image: 'busybox',
    Cmd: ['echo', 'it', 'was', 'here'],
    HostConfig: { Binds: ['data:/data'], NetworkMode: 'front' },
  })
  await done('POST', '/containers/kept/start')
  await done('POST', '/containers/kept/wait')
  await done('POST', '/containers/create?name=waiting', { Image: 'busybox', Cmd: ['sh'] })
  // The end of a run is stored soon after it is told.
  while (!(await request('GET', '/containers/kept/logs?stdout=1')).text.includes('it was here'))
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  await stores.logs.flush()
  await stores.disk.write(0, block(1))
  await stores.disk.write(7 * DISK_BLOCK, block(2))
  await stores.disk.write(8 * DISK_BLOCK, block(3))
  await stores.disk.flush()
  stores.disk.discard(8 * DISK_BLOCK, DISK_BLOCK)
  await stores.disk.write(0, block(4))
  await stores.disk.flush()
}
