import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import {
  canonical,
  familiar,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../../core/reference.ts'
import type { RecordChange } from '../../ports/record-store.ts'
import type { ContainerBrief, Context } from '../context.ts'
import type { StoredImage } from './image.ts'
import { LayerStore, type LayerHolder, type LayerPin } from './layer-store.ts'

/** The images in the record store, and the layers they need. All changes go through here. */
export class ImageStore {
  readonly context: Context
  readonly layers: LayerStore
  readonly #images: Map<Digest, StoredImage>
  readonly #containers: () => readonly ContainerBrief[]

  private constructor(
    context: Context,
    layers: LayerStore,
    images: Map<Digest, StoredImage>,
    containers: () => readonly ContainerBrief[],
  ) {
    this.context = context
    this.layers = layers
    this.#images = images
    this.#containers = containers
  }

  static async open(
    context: Context,
    containers: () => readonly ContainerBrief[],
    holder: LayerHolder,
  ): Promise<ImageStore> {
    const stored = await context.records.list('image')
    const images = new Map(
      [...stored].map(([id, value]) => [id as Digest, value as StoredImage] as const),
    )
    const layers = await LayerStore.open(context, images, holder)
    return new ImageStore(context, layers, images, containers)
  }

  all(): readonly StoredImage[] {
    return [...this.#images.values()].filter(({ removed }) => !removed)
  }

  /** Containers of an image, running or not. */
  containersOf(id: Digest): readonly ContainerBrief[] {
    return this.#containers().filter((container) => container.image === id)
  }

  byId(id: Digest): StoredImage | undefined {
    const image = this.#images.get(id)
    return image?.removed ? undefined : image
  }

  /**
   * Also one that was removed under its containers.
   * @throws EngineError `not-found`
   */
  kept(id: Digest): StoredImage {
    const image = this.#images.get(id)
    if (!image) throw new EngineError('not-found', `No such image: ${id}`)
    return image
  }

  byReference(reference: Reference): StoredImage | undefined {
    const name = canonical(withDefaultTag(reference))
    return this.all().find((image) => name in image.tags || image.digests.includes(name))
  }

  /**
   * By reference, digest, ID or unique prefix of an ID (moby daemon/images/image.go, GetImage).
   * @throws EngineError `not-found`: `No such image: busybox:latest`
   */
  find(nameOrId: string): StoredImage {
    const id = nameOrId.replace(/^sha256:/, '')
    if (/^[0-9a-f]{64}$/.test(id)) {
      const image = this.byId(`sha256:${id}` as Digest)
      if (!image) throw new EngineError('not-found', `No such image: ${nameOrId}`)
      return image
    }
    const byPrefix = (): StoredImage | undefined => {
      if (!/^[0-9a-f]+$/.test(id)) return undefined
      const found = this.all().filter((image) => image.id.startsWith(`sha256:${id}`))
      return found.length === 1 ? found[0] : undefined
    }
    if (id !== nameOrId) {
      const image = byPrefix()
      if (!image) throw new EngineError('not-found', `No such image: ${nameOrId}`)
      return image
    }
    const reference = withDefaultTag(parseReference(nameOrId))
    const named =
      reference.digest && reference.tag !== undefined
        ? this.byReference(withoutTag(reference))
        : this.byReference(reference)
    const image = named ?? byPrefix()
    if (!image) throw new EngineError('not-found', `No such image: ${familiar(reference)}`)
    return image
  }

  /**
   * Store an image that was pulled, loaded or built, or give more names to one that is there. A tag leaves the image
   * that had it.
   * @param pin holds the layers until the image does
   */
  async put(
    image: Pick<StoredImage, 'id' | 'config' | 'size'>,
    names: readonly Reference[],
    pin?: LayerPin,
  ): Promise<StoredImage> {
    const known = this.#images.get(image.id)
    const now = new Date(this.context.clock.now()).toISOString()
    const tags: Record<string, string> = { ...known?.tags }
    const digests = new Set(known?.digests)
    const changes: RecordChange[] = [...(pin?.changes() ?? [])]
    const changed: StoredImage[] = []
    for (const reference of names) {
      const name = canonical(reference)
      if (reference.digest) {
        digests.add(name)
        continue
      }
      const former = this.byReference(reference)
      if (former?.id === image.id && pin) continue
      tags[name] = now
      if (former && former.id !== image.id) changed.push(withoutNames(former, [name]))
    }
    const stored: StoredImage = { ...image, tags, digests: [...digests] }
    changed.push(stored)
    for (const value of changed) changes.push({ kind: 'image', key: value.id, value })
    await this.context.records.commit(changes)
    for (const value of changed) this.#images.set(value.id, value)
    return stored
  }

  /** Take names from an image; what has no name stays as `<none>`. */
  async untag(image: StoredImage, names: readonly string[]): Promise<StoredImage> {
    const value = withoutNames(image, names)
    await this.context.records.commit([{ kind: 'image', key: image.id, value }])
    this.#images.set(image.id, value)
    return value
  }

  /** Forget an image and the layers that no other has. Its containers keep what they stand on. */
  async delete(image: StoredImage): Promise<void> {
    if (this.containersOf(image.id).length === 0) {
      await this.#delete(image)
      return
    }
    const value: StoredImage = { ...image, tags: {}, digests: [], removed: true }
    await this.context.records.commit([{ kind: 'image', key: image.id, value }])
    this.#images.set(image.id, value)
  }

  /** Delete removed images whose last container is gone. */
  async sweep(): Promise<void> {
    for (const image of this.#images.values()) {
      if (image.removed && this.containersOf(image.id).length === 0) await this.#delete(image)
    }
  }

  async #delete(image: StoredImage): Promise<void> {
    const rest = [...this.#images.values()].filter(({ id }) => id !== image.id)
    const unused = this.layers.unusedAfter(image, rest)
    await this.context.records.commit([
      { kind: 'image', key: image.id, delete: true },
      ...unused.map((diffId) => ({ kind: 'layer', key: diffId, delete: true }) as const),
    ])
    this.#images.delete(image.id)
    await this.layers.drop(image, unused)
  }

  /** Event of an image: its labels and a name (moby daemon/images/image_events.go). */
  announce(action: string, id: string, name: string, image?: StoredImage): void {
    this.context.events.publish({
      Type: 'image',
      Action: action,
      Actor: { ID: id, Attributes: { ...image?.config.config?.Labels, name } },
    })
  }
}

const withoutTag = ({ domain, path, digest }: Reference): Reference => ({
  domain,
  path,
  ...(digest && { digest }),
})

const withoutNames = (image: StoredImage, names: readonly string[]): StoredImage => ({
  ...image,
  tags: Object.fromEntries(Object.entries(image.tags).filter(([name]) => !names.includes(name))),
  digests: image.digests.filter((name) => !names.includes(name)),
})
