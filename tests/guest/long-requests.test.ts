import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_DISK_SIZE } from '../../src/machine/blk-device.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import type { MachineProcess } from '../../src/ports/machine/processes.ts'
import type { DiskStore } from '../../src/ports/disk-store.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import {
  containerId,
  containerSpec,
  containerStart,
  processSpec,
} from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'

const DIRECTORIES = 20
const FILES = 1000
const VOLUME = '/run/disk/volumes/many/_data'

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

describe('while guestd counts what is in a volume', () => {
  let store: DiskStore
  let machine: GuestMachine
  /** One container with the volume, one that has nothing to do with it. */
  let writer: MachineProcess & { readonly container: string }
  let other: MachineProcess & { readonly container: string }

  const start = async (mounts: readonly string[]) => {
    const plain = containerStart(
      BUSYBOX,
      containerSpec(['sleep', '1000000'], { linux: { readonlyPaths: [] } }),
    )
    const process = await machine.processes.run({
      ...plain,
      spec: {
        ...plain.spec,
        mounts: [
          ...(plain.spec.mounts ?? []),
          ...mounts.map((source) => ({
            destination: '/volume',
            type: 'bind',
            source,
            options: ['rbind'],
          })),
        ],
      },
      rootfs: { ...plain.rootfs, upper: 'disk' },
    })
    return Object.assign(process, { container: plain.container })
  }
  const exec = async (container: string, args: readonly string[]) => {
    const done = await finish(
      await machine.processes.exec({ container, exec: containerId(), process: processSpec(args) }),
    )
    expect(done).toMatchObject({ stderr: '', exit: { code: 0 } })
    return done.stdout
  }
  const time = async () => {
    const begun = performance.now()
    await exec(other.container, ['true'])
    return performance.now() - begun
  }
  /** Execs one after the other, until the work is done. */
  const timesDuring = async (work: Promise<unknown>) => {
    const times: number[] = []
    const done = new AbortController()
    const end = () => done.abort()
    work.then(end, end)
    while (!done.signal.aborted) times.push(await time())
    await work
    return times
  }
  let idle: number

  beforeAll(async () => {
    store = await LogDiskStore.open(new MemoryMedium(), DEFAULT_DISK_SIZE)
    machine = await startMachine({ disk: store })
    await machine.disk?.makeVolume('many')
    await machine.disk?.makeVolume('few')
    writer = await start([VOLUME])
    other = await start([])
    await exec(
      writer.container,
      sh(
        `for d in $(seq ${DIRECTORIES}); do mkdir /volume/$d; cd /volume/$d; seq ${FILES} | xargs touch; done`,
      ),
    )
    await machine.disk?.sync()
    const times: number[] = []
    for (let count = 0; count < 30; count++) times.push(await time())
    idle = median(times)
  }, 400_000)
  afterAll(async () => {
    await machine[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  })
  /** So that every one is read from the disk. */
  const forgetFiles = () => exec(writer.container, sh('echo 3 > /proc/sys/vm/drop_caches'))

  test('an exec takes no longer than twice its usual time over many cold files', async () => {
    await forgetFiles()
    const usage = machine.disk?.volumeUsage('many')
    const times = await timesDuring(Promise.resolve(usage))
    expect(await usage).toBe(0)
    expect(times.length).toBeGreaterThan(10)
    expect(median(times)).toBeLessThan(2 * idle)
  }, 200_000)

  test('what is cancelled gives up its turn: another count begins before it could have ended', async () => {
    await forgetFiles()
    const begun = performance.now()
    await machine.disk?.volumeUsage('many')
    const whole = performance.now() - begun
    await forgetFiles()
    // As many as there are at once.
    const leaving = new AbortController()
    const counts = [1, 2].map(() => machine.disk?.volumeUsage('many', leaving.signal))
    const few = machine.disk?.volumeUsage('few')
    const cancelled = performance.now()
    leaving.abort(new Error('the client left'))
    for (const count of counts) await expect(count).rejects.toThrow('the client left')
    expect(await few).toBe(0)
    expect(performance.now() - cancelled).toBeLessThan(whole / 2)
  }, 200_000)
})
