import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../../core/error.ts'
import type { GuestImages } from '../../machine/emulator.ts'

/** The project's folder, whether this runs from `src` (tests) or bundled from `dist/node`. */
const projectFolder: string = findProject(dirname(fileURLToPath(import.meta.url)))

/** The committed guest: kernel, initramfs, firmware. */
const guestFolder: string = join(projectFolder, 'public/guest')

/** The catalog, an OCI image layout. */
export const registryFolder: string = join(projectFolder, 'public/registry')

/** What `drydock snapshot` makes. */
export const snapshotFolder: string = join(projectFolder, 'dist/guest')

/** What `npm run build` makes of the page. */
export const pageFolder: string = join(projectFolder, 'dist/page')

/** What it makes of the origin of previews. */
export const previewFolder: string = join(projectFolder, 'dist/preview')

function findProject(start: string): string {
  let folder = start
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`No package.json above ${start}`)
    folder = dirname(folder)
  }
  return folder
}

/** The emulator, compiled. */
export async function compileEmulator(): Promise<WebAssembly.Module> {
  const path = createRequire(import.meta.url).resolve('v86/build/v86.wasm')
  return WebAssembly.compile(await readFile(path))
}

/** @throws EngineError `unavailable` when a file is missing */
export async function readGuestImages(): Promise<GuestImages> {
  const read = async (name: string): Promise<ArrayBuffer> => {
    try {
      return arrayBufferOf(await readFile(join(guestFolder, name)))
    } catch (cause) {
      throw new EngineError(
        'unavailable',
        `The guest's ${name} cannot be read from ${guestFolder}`,
        {
          cause,
        },
      )
    }
  }
  const [kernel, initramfs, bios, vgaBios] = await Promise.all(
    ['bzImage', 'initramfs', 'bios.bin', 'vgabios-stdvga.bin'].map(read),
  )
  if (!kernel || !initramfs || !bios || !vgaBios) throw new Error('unreachable')
  return { kernel, initramfs, bios, vgaBios }
}

/** A buffer of its own: Node's small buffers share one, and the emulator takes whole buffers. */
export function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.byteLength)
  copy.set(bytes)
  return copy.buffer
}
