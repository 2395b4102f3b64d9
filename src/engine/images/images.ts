import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { canonical, familiar, parseReference, withDefaultTag } from '../../core/reference.ts'
import type { ContainerBrief, Context } from '../context.ts'
import { NEVER, type ImageRecord, type StoredImage } from './image.ts'

/** The images of an engine: what the stores hold, by any name a user may give. */
export class Images {
  readonly #images: Map<Digest, StoredImage>

  private constructor(images: Map<Digest, StoredImage>) {
    this.#images = images
  }

  /** @param containers those that keep an image from being removed */
  static async open(
    context: Context,
    _containers: () => readonly ContainerBrief[],
  ): Promise<Images> {
    const stored = await context.records.list('image')
    return new Images(
      new Map([...stored].map(([id, value]) => [id as Digest, value as StoredImage])),
    )
  }

  /**
   * By reference, digest, ID or unique prefix of an ID.
   * @throws EngineError `not-found`: `No such image: busybox:latest`
   */
  get(nameOrId: string): Promise<ImageRecord> {
    const reference = withDefaultTag(parseReference(nameOrId))
    const image = [...this.#images.values()].find((image) => canonical(reference) in image.tags)
    if (!image) throw new EngineError('not-found', `No such image: ${familiar(reference)}`)
    return Promise.resolve(toRecord(image))
  }

  /** The image's merged layers, under the name for `Machine.addTree`. Read once, then kept. */
  tree(id: Digest): Promise<{ readonly tree: string; readonly root: RootfsNode }> {
    throw new EngineError('not-implemented', `no tree for ${id} yet`)
  }
}

const toRecord = (image: StoredImage): ImageRecord => ({
  id: image.id,
  config: image.config,
  repoTags: Object.keys(image.tags).map((tag) => familiar(parseReference(tag))),
  repoDigests: image.digests.map((digest) => familiar(parseReference(digest))),
  size: image.size,
  created: image.config.created ?? NEVER,
  lastTagTime: Object.values(image.tags).sort().at(-1) ?? NEVER,
})
