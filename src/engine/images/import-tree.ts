import { sha256 } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import type { OciContainerDefaults, OciImageConfig } from '../../core/oci.ts'
import { parseReference, withDefaultTag } from '../../core/reference.ts'
import type { ImageStore } from './image-store.ts'
import { PLATFORM } from './platform.ts'

export interface ImportOptions {
  /** '': the image has no name. */
  readonly repository: string
  readonly tag: string
  readonly message: string
  readonly config: OciContainerDefaults
  readonly signal: AbortSignal
}

/** An image of one layer (moby daemon/images/image_import.go). */
export async function importTree(
  store: ImageStore,
  tree: ReadableStream<Uint8Array>,
  { repository, tag, message, config: defaults, signal }: ImportOptions,
): Promise<Digest> {
  const names = repository
    ? [withDefaultTag(parseReference(tag ? `${repository}:${tag}` : repository))]
    : []
  const { layer, pin } = await store.layers.add({ open: () => Promise.resolve(tree) }, signal)
  try {
    const created = new Date(store.context.clock.now()).toISOString()
    const config: OciImageConfig = {
      ...PLATFORM,
      created,
      config: defaults,
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created, comment: message || 'Imported from -' }],
    }
    const bytes = new TextEncoder().encode(JSON.stringify(config))
    const id = await sha256(bytes)
    await store.context.blobs.write(new Blob([bytes]).stream(), { digest: id })
    const image = await store.put({ id, config, size: layer.size }, names, pin)
    store.announce('import', id, id, image)
    return id
  } finally {
    await pin.release()
  }
}
