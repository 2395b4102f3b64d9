import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FileDiskMedium } from '../../src/hosts/node/stores/file-disk-medium.ts'
import type { DiskStore } from '../../src/ports/disk-store.ts'
import { LogDiskStore } from '../../src/storage/disk/log-disk-store.ts'

const run = promisify(execFile)
const TOOLS_PATH = `${process.env['PATH']}:/usr/sbin:/sbin`
const PIECE = 1 << 20
const zeros = Buffer.alloc(PIECE)

/** A file that e2fsprogs can be asked about. */
interface DiskImage extends Disposable {
  readonly path: string
}

/** What a store holds, as an image; zeros are holes. */
async function imageOf(store: Pick<DiskStore, 'size' | 'read'>): Promise<DiskImage> {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-image-'))
  const path = join(folder, 'image')
  await using file = await open(path, 'w')
  await file.truncate(store.size)
  for (let at = 0; at < store.size; at += PIECE) {
    const bytes = await store.read(at, Math.min(PIECE, store.size - at))
    if (!zeros.subarray(0, bytes.length).equals(bytes)) await file.write(bytes, 0, bytes.length, at)
  }
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

/**
 * Let e2fsck do what every mount does, replay the journal, and then find nothing.
 * @throws when a person would have to decide something
 */
async function checkImage(path: string): Promise<void> {
  const fsck = (mode: string, good: readonly number[]): Promise<void> =>
    run('e2fsck', [mode, path], { env: { PATH: TOOLS_PATH } }).then(
      () => undefined,
      (error: unknown) => {
        const { code, stdout } = error as { code?: number; stdout?: string }
        // 1: repaired by itself, which is the journal.
        if (!good.includes(code ?? -1)) throw new Error(`e2fsck ${mode}: ${code} ${stdout}`)
      },
    )
  await fsck('-fp', [0, 1])
  await fsck('-fn', [0])
}

/** The disk of a data folder that no engine uses now. @throws when it is not whole */
export async function checkDiskOf(data: string): Promise<void> {
  await using store = await LogDiskStore.open(new FileDiskMedium(data), 0)
  await checkDisk(store)
}

/** @throws when it is not whole */
export async function checkDisk(store: Pick<DiskStore, 'size' | 'read'>): Promise<void> {
  using image = await imageOf(store)
  await checkImage(image.path)
}
