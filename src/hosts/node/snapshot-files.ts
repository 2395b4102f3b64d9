import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import type { GuestImages } from '../../machine/emulator.ts'
import { buildSnapshot, checkManifest, digestOf } from '../../machine/snapshot.ts'
import { arrayBufferOf, compileEmulator, readGuestImages, snapshotFolder } from './assets.ts'
import { nodeClock } from './clock.ts'

const STATE = 'snapshot.bin'
const MANIFEST = 'snapshot.json'

/**
 * The snapshot of the guest that is installed. When there is none, or one of another build, the guest is booted and its
 * snapshot kept, with a brotli neighbour for servers to send.
 */
export async function ensureSnapshot(): Promise<ArrayBuffer> {
  const images = await readGuestImages()
  const kept = await readKept(images)
  if (kept) return kept
  const { state, manifest } = await buildSnapshot(await compileEmulator(), images, nodeClock)
  await storeForPage(STATE, new Uint8Array(state), MANIFEST, manifest)
  return state
}

async function readKept(images: GuestImages): Promise<ArrayBuffer | undefined> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(snapshotFolder, MANIFEST), 'utf8'))
    const state = arrayBufferOf(await readFile(join(snapshotFolder, STATE)))
    checkManifest(manifest, {
      kernel: await digestOf(images.kernel),
      initramfs: await digestOf(images.initramfs),
      state: await digestOf(state),
    })
    return state
  } catch {
    // Absent, torn or of another build: it is made anew.
    return undefined
  }
}

/** A file of the page's, with a brotli neighbour, and then its manifest, without which it counts for nothing. */
export async function storeForPage(
  name: string,
  bytes: Uint8Array,
  manifestName: string,
  manifest: object,
): Promise<void> {
  const compressed = await promisify(brotliCompress)(bytes, {
    params: {
      // Higher ones take four times as long and gain 3 %.
      [constants.BROTLI_PARAM_QUALITY]: 5,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })
  await mkdir(snapshotFolder, { recursive: true })
  await replace(`${name}.br`, compressed)
  await replace(name, bytes)
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`
  await replace(manifestName, new TextEncoder().encode(text))
}

async function replace(name: string, bytes: Uint8Array): Promise<void> {
  const path = join(snapshotFolder, name)
  await writeFile(`${path}.new`, bytes)
  await rename(`${path}.new`, path)
}
