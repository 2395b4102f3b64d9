import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '../../machine/snapshot.ts'
import { openHostRootLayers } from '../../storage/host-root.ts'
import { packRoot } from '../../storage/root-pack.ts'
import { arrayBufferOf, snapshotFolder } from './assets.ts'
import { catalogFiles } from './catalog-files.ts'
import { storeForPage } from './snapshot-files.ts'

const PACK = 'root.bin'
const MANIFEST = 'root.json'
/** Of `packRoot`'s bytes; a pack of another format is made anew. */
const FORMAT = 1

/** The pack of the host root that is in the catalog, for the page; made when there is none, or one of another root. */
export async function ensureRootPack(): Promise<void> {
  const root = await openHostRootLayers(catalogFiles)
  const wanted = { format: FORMAT, tree: root.tree }
  if (await isKept(wanted)) return
  const pack = await packRoot(root)
  const digest = await digestOf(arrayBufferOf(pack))
  await storeForPage(PACK, pack, MANIFEST, { ...wanted, bytes: pack.length, digest })
}

async function isKept(wanted: {
  readonly format: number
  readonly tree: string
}): Promise<boolean> {
  try {
    const { format, tree, digest } = JSON.parse(
      await readFile(join(snapshotFolder, MANIFEST), 'utf8'),
    ) as Record<string, unknown>
    const pack = arrayBufferOf(await readFile(join(snapshotFolder, PACK)))
    return format === wanted.format && tree === wanted.tree && digest === (await digestOf(pack))
  } catch {
    // Absent or torn.
    return false
  }
}
