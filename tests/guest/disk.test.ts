import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_DISK_SIZE } from '../../src/machine/blk-device.ts'
import type { RuntimeMount } from '../../src/core/runtime-spec.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import type { DiskStore } from '../../src/ports/disk-store.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'

type Kept = NonNullable<ConstructorParameters<typeof MemoryMedium>[0]>

describe('a machine with a disk', () => {
  const kept: Kept = new Map()
  let store: DiskStore
  let machine: GuestMachine
  const lines: string[] = []

  const start = async () => {
    store = await LogDiskStore.open(new MemoryMedium(kept), DEFAULT_DISK_SIZE)
    machine = await startMachine({ disk: store, log: (line) => lines.push(line) })
  }
  /** As after a crash: only what was committed is there. */
  const crash = async () => {
    // The machine would sync at its end: what that adds is taken back.
    const copy: Kept = new Map(kept)
    await machine[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    kept.clear()
    for (const [key, value] of copy) kept.set(key, value)
    await start()
  }
  beforeAll(start, 120_000)
  afterAll(async () => {
    await machine[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  })

  const run = async (
    script: string,
    more: { readonly mounts?: readonly RuntimeMount[] } = {},
    container?: string,
  ) => {
    const plain = containerStart(BUSYBOX, containerSpec(sh(script)))
    const id = container ?? plain.container
    const process = await machine.processes.run({
      ...plain,
      container: id,
      spec: {
        ...plain.spec,
        mounts: [...(plain.spec.mounts ?? []), ...(more.mounts ?? [])],
        linux: { ...plain.spec.linux, cgroupsPath: `/docker/${id}` },
      },
      rootfs: { ...plain.rootfs, upper: 'disk' },
    })
    const result = await finish(process)
    if (container === undefined) await machine.containers.delete(id)
    return result
  }

  test('is empty, and has a filesystem all the same', async () => {
    const list = await machine.disk?.list()
    expect(list).toMatchObject({ uppers: [], volumes: [] })
    expect(list?.size).toBeGreaterThan(0.9 * DEFAULT_DISK_SIZE)
    expect(store.usage().used).toBeLessThan(8 << 20)
  })

  test('keeps a layer over a stop and over a crash, once it is synced', async () => {
    const id = 'a1'.repeat(32)
    expect(await run('echo kept > /root/file; sync; echo done', {}, id)).toMatchObject({
      stdout: 'done\n',
    })
    expect((await run('cat /root/file', {}, id)).stdout).toBe('kept\n')
    await crash()
    expect((await machine.disk?.list())?.uppers).toEqual([id])
    expect((await run('cat /root/file', {}, id)).stdout).toBe('kept\n')
    // Lengths of files, each once, and of a link, as real Docker counts (28.5, overlay2).
    await run(
      'cd /root; truncate -s 9M sparse; ln sparse two; ln -s file link; rm /etc/group',
      {},
      id,
    )
    expect(await machine.disk?.layerUsage(id)).toBe('kept\n'.length + 9 * 2 ** 20 + 'file'.length)
    await machine.containers.delete(id)
    expect(await machine.disk?.layerUsage(id)).toBe(0)
    expect((await machine.disk?.list())?.uppers).toEqual([])
  }, 60_000)

  test('fills a volume from the image at its first use only', async () => {
    await machine.disk?.makeVolume('data')
    const mounts = [
      {
        destination: '/etc',
        type: 'bind',
        source: '/run/disk/volumes/data/_data',
        options: ['rbind'],
        copy: true,
      },
    ]
    const first = await run('ls /etc; echo more > /etc/more; rm /etc/group', { mounts })
    expect(first.stdout).toContain('passwd')
    expect((await run('ls /etc', { mounts })).stdout).toBe('more\nnsswitch.conf\npasswd\nshadow\n')
    await machine.disk?.sync()
    await crash()
    expect((await machine.disk?.list())?.volumes).toEqual(['data'])
    expect((await run('cat /etc/more', { mounts })).stdout).toBe('more\n')
    expect(await machine.disk?.volumeUsage('data')).toBeGreaterThan('more\n'.length)
    await machine.disk?.removeVolume('data')
    expect((await machine.disk?.list())?.volumes).toEqual([])
  }, 60_000)

  test('frees in the store what is freed in the guest', async () => {
    const before = store.usage().used
    await run('dd if=/dev/urandom of=/big bs=1M count=8 2>/dev/null; sync')
    // Discards follow the commit of the journal.
    await expect
      .poll(
        async () => {
          await machine.disk?.sync()
          await store.flush()
          return store.usage().used
        },
        { timeout: 20_000 },
      )
      .toBeLessThan(before + (6 << 20))
  }, 60_000)

  test('refuses names that are no volume', async () => {
    for (const name of ['', '..', 'a/b', '-x', '.x'])
      await expect(machine.disk?.makeVolume(name)).rejects.toThrow('invalid volume name')
  })
})
