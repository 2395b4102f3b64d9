import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { DEFAULT_DISK_SIZE } from '../../src/machine/blk-device.ts'
import { DISK_BLOCK } from '../../src/ports/disk-store.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'
import { MemoryMedium } from '../../src/storage/disk/memory-medium.ts'
import { chance } from '../contracts/disk-store.ts'
import { apply, RecordedDisk, type BlockOperation, type Image } from '../support/block-log.ts'
import { churn, perform, workloadFiles, workloads } from '../support/disk-workloads.ts'
import { startMachine } from '../support/guest.ts'

const run = promisify(execFile)
const CUTS = Number(process.env['DRYDOCK_CUTS'] ?? 500)
/** Another one makes other cuts. */
const SEED = Number(process.env['DRYDOCK_SEED'] ?? 20)
const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`

/** A number was said when the disk had so many operations. */
interface Acknowledged {
  readonly name: string
  readonly number: number
  readonly operations: number
}

/** Writers that sync and say so, beside a churn of files, layers and volumes. */
async function record(): Promise<{
  readonly operations: readonly BlockOperation[]
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
  const said = (line: string): void => {
    const [name = '', number] = line.split(' ')
    acknowledged.push({ name, number: Number(number), operations: disk.operations.length })
  }
  await Promise.all([
    churn(machine),
    ...workloads.map((workload) => perform(machine, workload, said)),
  ])
  await machine.disk?.sync()
  return { operations: disk.operations, acknowledged, begin }
}

async function writeImage(path: string, image: Image): Promise<void> {
  await using file = await open(path, 'w')
  await file.truncate(DEFAULT_DISK_SIZE)
  for (const [block, bytes] of image) await file.write(bytes, 0, DISK_BLOCK, block * DISK_BLOCK)
}

/** The workloads' files in an image; those that are not there are left out. */
async function filesOf(image: string, folder: string): Promise<Map<string, string>> {
  const script = join(folder, 'script')
  const target = (name: string): string => join(folder, `file-${name}`)
  for (const name of workloadFiles) rmSync(target(name), { force: true })
  writeFileSync(
    script,
    workloadFiles.map((name) => `dump /volumes/data/_data/${name} ${target(name)}\n`).join(''),
  )
  await run('debugfs', ['-f', script, image], { env: { PATH } })
  return new Map(
    workloadFiles.flatMap((name) =>
      existsSync(target(name)) ? [[name, readFileSync(target(name), 'utf8')] as const] : [],
    ),
  )
}

/** Of what came after the last flush, any part may be lost, in blocks. */
function tear(
  image: Image,
  operations: readonly BlockOperation[],
  next: (below: number) => number,
): Image {
  const torn: Image = new Map(image)
  const keep = next(4)
  for (const operation of operations) {
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
  return torn
}

describe('a disk that was cut off anywhere', () => {
  test(
    `is whole and has all that was acknowledged: ${CUTS} cuts`,
    async () => {
      const { operations, acknowledged, begin } = await record()
      for (const { name } of workloads)
        expect(acknowledged.filter((line) => line.name === name).length).toBeGreaterThanOrEqual(60)
      const flushes = operations.flatMap(({ kind }, at) =>
        kind === 'flush' && at >= begin ? [at] : [],
      )
      const next = chance(SEED)
      // At every flush, just before it or after it by turns; the others anywhere.
      const cuts = flushes.map((at, index) => at + (index % 2))
      while (cuts.length < CUTS) cuts.push(begin + next(operations.length - begin))
      // More flushes than cuts: any of them.
      while (cuts.length > CUTS) cuts.splice(next(cuts.length), 1)
      cuts.sort((one, other) => one - other)
      const folder = mkdtempSync(join(tmpdir(), 'drydock-replay-'))
      const path = join(folder, 'image')
      const image: Image = new Map()
      let applied = 0
      const check = async (cut: number): Promise<void> => {
        const last = operations.slice(0, cut).findLastIndex(({ kind }) => kind === 'flush')
        while (applied <= last) {
          const operation = operations[applied++]
          if (operation) apply(image, operation)
        }
        await writeImage(path, tear(image, operations.slice(last + 1, cut), next))
        // 0: clean, 1: repaired by itself (the journal was replayed); anything else needs a person.
        await run('e2fsck', ['-fp', path], { env: { PATH } }).catch((error: unknown) => {
          const { code, stdout } = error as { code?: number; stdout?: string }
          if (code !== 1) throw new Error(`cut ${cut} of ${operations.length}: ${stdout}`)
        })
        const files = await filesOf(path, folder)
        for (const { name, recover } of workloads) {
          const expected = acknowledged.findLast(
            (line) => line.name === name && line.operations <= cut,
          )
          expect(recover(files), `${name} at cut ${cut}`).toBeGreaterThanOrEqual(
            expected?.number ?? -1,
          )
        }
      }
      try {
        for (const cut of cuts) await check(cut)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
    Math.max(1_200_000, CUTS * 2000),
  )
})
