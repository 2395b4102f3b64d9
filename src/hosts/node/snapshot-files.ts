import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import { EngineError } from '../../core/error.ts'
import type { GuestImages } from '../../machine/emulator.ts'
import { buildSnapshot, checkManifest, digestOf } from '../../machine/snapshot.ts'
import { arrayBufferOf, compileEmulator, readGuestImages, snapshotFolder } from './assets.ts'
import { nodeClock } from './clock.ts'

const STATE = 'snapshot.bin'
const MANIFEST = 'snapshot.json'

/**
 * Boot the guest, take its snapshot and write it with its manifest, unless the one that is there is of this very guest.
 * Beside the state lies a brotli neighbour for servers to send.
 */
export async function writeSnapshot(): Promise<void> {
  const images = await readGuestImages()
  if (await isCurrent(images)) return
  const { state, manifest } = await buildSnapshot(await compileEmulator(), images, nodeClock)
  const bytes = new Uint8Array(state)
  const compressed = await promisify(brotliCompress)(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 9,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })
  await mkdir(snapshotFolder, { recursive: true })
  await replace(`${STATE}.br`, compressed)
  await replace(STATE, bytes)
  // Last: without its manifest a snapshot is no snapshot.
  await replace(MANIFEST, new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`))
}

/**
 * The snapshot of the guest that is installed.
 * @throws EngineError `unavailable` when there is none or it is of another build
 */
export async function readSnapshot(): Promise<ArrayBuffer> {
  const manifest = await readManifest()
  if (!manifest) {
    throw new EngineError(
      'unavailable',
      `There is no snapshot of the guest in ${snapshotFolder}. Run \`npm run build\`.`,
    )
  }
  const state = arrayBufferOf(await readFile(join(snapshotFolder, STATE)))
  await checkAgainst(manifest, await readGuestImages(), state)
  return state
}

/** @throws EngineError `unavailable` with what differs */
async function checkAgainst(
  manifest: unknown,
  images: GuestImages,
  state: ArrayBuffer,
): Promise<void> {
  checkManifest(manifest, {
    kernel: await digestOf(images.kernel),
    initramfs: await digestOf(images.initramfs),
    state: await digestOf(state),
  })
}

async function isCurrent(images: GuestImages): Promise<boolean> {
  const manifest = await readManifest()
  if (!manifest) return false
  try {
    const state = arrayBufferOf(await readFile(join(snapshotFolder, STATE)))
    await readFile(join(snapshotFolder, `${STATE}.br`))
    await checkAgainst(manifest, images, state)
    return true
  } catch {
    return false
  }
}

async function readManifest(): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(snapshotFolder, MANIFEST), 'utf8')) as unknown
  } catch {
    return undefined
  }
}

async function replace(name: string, bytes: Uint8Array): Promise<void> {
  const path = join(snapshotFolder, name)
  await writeFile(`${path}.new`, bytes)
  await rename(`${path}.new`, path)
}
