import 'fake-indexeddb/auto'
import { expect, test, vi } from 'vitest'
import { DEFAULT_DISK_SIZE } from '../../src/machine/blk-device.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { EngineDatabase } from '../../src/storage/idb/database.ts'
import { IdbDiskMedium } from '../../src/storage/idb/disk-medium.ts'
import { RecordedDisk } from '../support/block-log.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'

test('a flush of the guest is one strict transaction, and an fsync is never less', async () => {
  await using database = await EngineDatabase.open('flush-count')
  await using disk = new RecordedDisk(
    await LogDiskStore.open(new IdbDiskMedium(database), DEFAULT_DISK_SIZE),
  )
  await using machine = await startMachine({ disk })
  await machine.disk?.sync()
  const transaction = vi.spyOn(IDBDatabase.prototype, 'transaction')
  const begin = disk.operations.length
  const start = containerStart(
    BUSYBOX,
    containerSpec(sh('for i in 1 2 3 4 5 6 7 8 9 10; do echo $i >> /f; sync /f; echo $i; done')),
  )
  const process = await machine.processes.run({
    ...start,
    rootfs: { ...start.rootfs, upper: 'disk' },
  })
  expect((await finish(process)).stdout).toBe('1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n')
  const operations = disk.operations.slice(begin)
  // What is cleared away behind a commit is not strict, and no commit.
  const written = transaction.mock.calls.filter(
    ([, mode, options]) => mode === 'readwrite' && options?.durability === 'strict',
  )
  transaction.mockRestore()
  // What nothing came before has nothing to store; a discard alone may be of blocks that were never stored.
  let [wrote, discarded, least, most] = [false, false, 0, 0]
  for (const { kind } of operations) {
    if (kind === 'write') wrote = true
    else if (kind === 'discard') discarded = true
    else {
      least += wrote ? 1 : 0
      most += wrote || discarded ? 1 : 0
      wrote = discarded = false
    }
  }
  expect(least).toBeGreaterThanOrEqual(10)
  expect(written.length).toBeGreaterThanOrEqual(least)
  expect(written.length).toBeLessThanOrEqual(most)
}, 120_000)
