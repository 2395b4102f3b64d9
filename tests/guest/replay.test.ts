import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { DEFAULT_DISK_SIZE } from '../../src/machine/blk-device.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { DISK_BLOCK } from '../../src/ports/disk-store.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import { chance } from '../contracts/disk-store.ts'
import { apply, RecordedDisk, type Image } from '../support/block-log.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'

const run = promisify(execFile)
const CUTS = Number(process.env['DRYDOCK_CUTS'] ?? 500)
const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`

/** A line was acknowledged when the disk had so many operations. */
interface Acknowledged {
  readonly line: string
  readonly operations: number
}

/** Writers that sync each line and say so, beside a churn of files and layers. */
async function record(): Promise<{
  readonly disk: RecordedDisk
  readonly acknowledged: readonly Acknowledged[]
  readonly begin: number
}> {
  await using disk = new RecordedDisk(
    await LogDiskStore.open(new MemoryMedium(), DEFAULT_DISK_SIZE),
  )
  await using machine = await startMachine({ disk })
  await machine.disk?.makeVolume('data')
  await machine.disk?.sync()
  const begin = disk.operations.length
  const acknowledged: Acknowledged[] = []
  const container = (script: string) => {
    const plain = containerStart(BUSYBOX, containerSpec(sh(script)))
    const data = {
      destination: '/data',
      type: 'bind',
      source: '/run/disk/volumes/data/_data',
      options: ['rbind'],
    }
    return {
      ...plain,
      spec: { ...plain.spec, mounts: [...(plain.spec.mounts ?? []), data] },
      rootfs: { ...plain.rootfs, upper: 'disk' as const },
    }
  }
  const writer = async (): Promise<void> => {
    const start = container(
      'i=0; while [ $i -lt 120 ]; do echo line $i >> /data/log; sync /data/log; echo line $i; i=$((i+1)); done',
    )
    const process = await machine.run(start)
    let text = ''
    for await (const { bytes } of process.output) {
      text += new TextDecoder().decode(bytes)
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) acknowledged.push({ line, operations: disk.operations.length })
    }
    await machine.delete(start.container)
  }
  const churn = async (target: GuestMachine): Promise<void> => {
    for (let round = 0; round < 4; round++) {
      const start = container(
        `mkdir -p /t/a /data/d${round}; for i in 1 2 3 4 5 6 7 8; do cp -r /etc /t/a/$i; mv /t/a/$i /data/d${round}/$i; done; ` +
          `head -c 300000 /bin/busybox > /big; sync; rm -rf /data/d${round}/[1-5] /t`,
      )
      await finish(await target.run(start))
      await target.delete(start.container)
    }
  }
  await Promise.all([writer(), churn(machine)])
  await machine.disk?.sync()
  return { disk, acknowledged, begin }
}

async function writeImage(path: string, image: Image): Promise<void> {
  await using file = await open(path, 'w')
  await file.truncate(DEFAULT_DISK_SIZE)
  for (const [block, bytes] of image) await file.write(bytes, 0, DISK_BLOCK, block * DISK_BLOCK)
}

describe('a disk that was cut off anywhere', () => {
  test(`is whole and has all that was acknowledged: ${CUTS} cuts`, async () => {
    const { disk, acknowledged, begin } = await record()
    const { operations } = disk
    expect(acknowledged).toHaveLength(120)
    const flushes = operations.flatMap(({ kind }, at) =>
      kind === 'flush' && at >= begin ? [at] : [],
    )
    const next = chance(20)
    // At every flush, just before it and after it; the others anywhere.
    const cuts = [...flushes.map((at) => at + 1), ...flushes]
    while (cuts.length < CUTS) cuts.push(begin + next(operations.length - begin))
    const chosen = cuts.slice(0, CUTS).sort((one, other) => one - other)
    const folder = mkdtempSync(join(tmpdir(), 'drydock-replay-'))
    const image: Image = new Map()
    let applied = 0
    const check = async (cut: number, slot: number): Promise<void> => {
      const last = operations.slice(0, cut).findLastIndex(({ kind }) => kind === 'flush')
      while (applied <= last) {
        const operation = operations[applied++]
        if (operation) apply(image, operation)
      }
      // Of what came after the last flush, any part may be lost, in blocks.
      const torn: Image = new Map(image)
      const keep = next(4)
      for (const operation of operations.slice(last + 1, cut)) {
        if (operation.kind !== 'write') {
          if (next(4) >= keep) apply(torn, operation)
          continue
        }
        for (let at = 0; at < operation.bytes.length; at += DISK_BLOCK) {
          if (next(4) < keep) continue
          const bytes = operation.bytes.subarray(at, at + DISK_BLOCK)
          torn.set((operation.offset + at) / DISK_BLOCK, bytes)
        }
      }
      const path = join(folder, `image-${slot}`)
      await writeImage(path, torn)
      // 0: clean, 1: repaired by itself (the journal was replayed); anything else needs a person.
      await run('e2fsck', ['-fp', path], { env: { PATH } }).catch((error: unknown) => {
        const { code, stdout } = error as { code?: number; stdout?: string }
        if (code !== 1) throw new Error(`cut ${cut} of ${operations.length}: ${stdout}`)
      })
      const expected = acknowledged.filter(({ operations: count }) => count <= cut)
      const { stdout } = await run('debugfs', ['-R', 'cat /volumes/data/_data/log', path], {
        env: { PATH },
      })
      const lines = stdout.split('\n').slice(0, expected.length)
      expect(lines, `cut ${cut}`).toEqual(expected.map(({ line }) => line))
    }
    try {
      for (const cut of chosen) await check(cut, 0)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }, 1_200_000)
})
