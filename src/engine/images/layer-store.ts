import { mergeLayers } from '../../codec/layer-merge.ts'
import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { Layer, RootfsNode } from '../../core/layer.ts'
import type { BlobReader } from '../../ports/blob-store.ts'
import type { RecordChange } from '../../ports/record-store.ts'
import type { Context } from '../context.ts'
import { KeyedMutex } from '../mutex.ts'
import type { StoredImage, StoredLayer } from './image.ts'
import { decodeIndex } from '../../codec/layer-index.ts'
import { importLayer, type LayerSource } from './layer-import.ts'

export interface ImageTree {
  /** Name for `MachineTrees.add`. */
  readonly tree: string
  readonly root: RootfsNode
}

/** Keeps layers that no image has yet. */
export interface LayerPin {
  /** Layers to record with the image that takes them over. */
  changes(): RecordChange[]
  /** What no image took over is deleted. */
  release(): Promise<void>
}

/** Who keeps layers besides images: the build cache. */
export interface LayerHolder {
  holds(diffId: Digest): boolean
}

type OpenLayer = Layer & { readonly reader: BlobReader }

/** Layers in the stores: plain tars, their indexes, and what is open of them. */
export class LayerStore implements AsyncDisposable {
  readonly #context: Context
  readonly #layers: Map<Digest, StoredLayer>
  readonly #images: ReadonlyMap<Digest, StoredImage>
  readonly #holder: LayerHolder
  readonly #pins = new Map<Digest, number>()
  readonly #importing = new KeyedMutex()
  readonly #open = new Map<Digest, Promise<OpenLayer>>()
  readonly #trees = new Map<Digest, Promise<ImageTree>>()
  /** How often an image's tree was taken from the machine. */
  readonly #removals = new Map<Digest, number>()

  private constructor(
    context: Context,
    images: ReadonlyMap<Digest, StoredImage>,
    layers: Map<Digest, StoredLayer>,
    holder: LayerHolder,
  ) {
    this.#context = context
    this.#images = images
    this.#layers = layers
    this.#holder = holder
  }

  /** @param images all there are, now and later */
  static async open(
    context: Context,
    images: ReadonlyMap<Digest, StoredImage>,
    holder: LayerHolder,
  ): Promise<LayerStore> {
    const stored = await context.records.list('layer')
    const layers = new Map(
      [...stored].map(([id, value]) => [id as Digest, value as StoredLayer] as const),
    )
    const store = new LayerStore(context, images, layers, holder)
    await store.#sweep()
    return store
  }

  /** Delete what a process that died in a pull left behind. */
  async #sweep(): Promise<void> {
    const { blobs, records } = this.#context
    const unused = [...this.#layers.keys()].filter((diffId) => !this.#isUsed(diffId))
    if (unused.length > 0) {
      await records.commit(
        unused.map((diffId) => ({ kind: 'layer', key: diffId, delete: true }) as const),
      )
    }
    for (const diffId of unused) this.#layers.delete(diffId)
    const wanted = new Set<Digest>([...this.#images.keys(), ...this.#layers.keys()])
    for (const { index } of this.#layers.values()) wanted.add(index)
    const strays: Digest[] = []
    for await (const { digest } of blobs.list()) if (!wanted.has(digest)) strays.push(digest)
    for (const digest of strays) await blobs.delete(digest)
  }

  #isUsed(diffId: Digest): boolean {
    return this.#pins.has(diffId) || this.#holder.holds(diffId) || this.isInImage(diffId)
  }

  isInImage(diffId: Digest): boolean {
    for (const { config } of this.#images.values()) {
      if (config.rootfs.diff_ids.includes(diffId)) return true
    }
    return false
  }

  get(diffId: Digest): StoredLayer | undefined {
    return this.#layers.get(diffId)
  }

  /** Bytes of the files of an image's layers. */
  size(diffIds: readonly Digest[]): number {
    return diffIds.reduce((sum, diffId) => sum + (this.#layers.get(diffId)?.size ?? 0), 0)
  }

  /** Bytes of all images' layers, each counted once. */
  total(): number {
    return this.size([...this.#layers.keys()].filter((diffId) => this.isInImage(diffId)))
  }

  pin(diffIds: readonly Digest[]): LayerPin {
    const pinned = [...new Set(diffIds)]
    for (const diffId of pinned) this.#pins.set(diffId, (this.#pins.get(diffId) ?? 0) + 1)
    return {
      changes: () =>
        pinned.flatMap((key): RecordChange[] => {
          const value = this.#layers.get(key)
          return value ? [{ kind: 'layer', key, value }] : []
        }),
      release: async () => {
        for (const diffId of pinned) {
          const count = (this.#pins.get(diffId) ?? 1) - 1
          if (count === 0) this.#pins.delete(diffId)
          else this.#pins.set(diffId, count)
        }
        await this.#forget(pinned.filter((diffId) => !this.#isUsed(diffId)))
      },
    }
  }

  /** Fetch a pinned layer unless it is there. @returns whether it had to be fetched */
  async import(
    source: LayerSource & { readonly diffId: Digest },
    signal: AbortSignal,
  ): Promise<boolean> {
    using _ = await this.#importing.lock(source.diffId, signal)
    if (this.#layers.has(source.diffId)) return false
    const layer = await importLayer(this.#context.blobs, source, signal)
    this.#layers.set(source.diffId, layer)
    return true
  }

  /** Take in a layer that nobody has named yet. The caller releases the pin. */
  async add(
    source: LayerSource,
    signal: AbortSignal,
  ): Promise<{ readonly layer: StoredLayer; readonly pin: LayerPin }> {
    const layer = await importLayer(this.#context.blobs, source, signal)
    const pin = this.pin([layer.diffId])
    if (!this.#layers.has(layer.diffId)) this.#layers.set(layer.diffId, layer)
    return { layer, pin }
  }

  /** Whether a blob is a layer, an index or an image's config. */
  owns(digest: Digest): boolean {
    if (this.#images.has(digest) || this.#layers.has(digest) || this.#pins.has(digest)) return true
    return [...this.#layers.values()].some(({ index }) => index === digest)
  }

  /** Layers that nobody needs once an image is gone. */
  unusedAfter(image: StoredImage, rest: readonly StoredImage[]): Digest[] {
    return [...new Set(image.config.rootfs.diff_ids)].filter(
      (diffId) =>
        !this.#pins.has(diffId) &&
        !this.#holder.holds(diffId) &&
        !rest.some(({ config }) => config.rootfs.diff_ids.includes(diffId)),
    )
  }

  /** Delete the bytes of an image whose record is gone, and of its layers. */
  async drop(image: StoredImage, unused: readonly Digest[]): Promise<void> {
    const tree = this.#trees.get(image.id)
    this.#trees.delete(image.id)
    if (tree) {
      const name = this.#treeName(image.id)
      this.#context.machine.trees.remove(name)
      this.#context.machine.trees.remove(stepTreeName(name))
      this.#removals.set(image.id, (this.#removals.get(image.id) ?? 0) + 1)
    }
    await this.#forget(unused)
    await this.#context.blobs.delete(image.id)
  }

  /** Delete those of a holder's layers that nobody else needs. @returns bytes of their files */
  async release(diffIds: readonly Digest[]): Promise<number> {
    const unused = diffIds.filter((diffId) => this.#layers.has(diffId) && !this.#isUsed(diffId))
    if (unused.length === 0) return 0
    const bytes = this.size(unused)
    await this.#context.records.commit(
      unused.map((diffId) => ({ kind: 'layer', key: diffId, delete: true }) as const),
    )
    await this.#forget(unused)
    return bytes
  }

  async #forget(diffIds: readonly Digest[]): Promise<void> {
    const { blobs } = this.#context
    for (const diffId of diffIds) {
      const layer = this.#layers.get(diffId)
      if (!layer) continue
      this.#layers.delete(diffId)
      await this.#close(diffId)
      await blobs.delete(diffId)
      const shared = [...this.#layers.values()].some(({ index }) => index === layer.index)
      if (!shared) await blobs.delete(layer.index)
    }
  }

  async #close(diffId: Digest): Promise<void> {
    const open = this.#open.get(diffId)
    this.#open.delete(diffId)
    const layer = await open?.catch(() => undefined)
    await layer?.reader[Symbol.asyncDispose]()
  }

  /** The merged layers of an image; read once, then kept. */
  tree(image: StoredImage): Promise<ImageTree> {
    return remember(this.#trees, image.id, async () => {
      const layers = await this.layers(image.config.rootfs.diff_ids)
      return { tree: this.#treeName(image.id), root: mergeLayers(layers) }
    })
  }

  /** The tree of layers that the caller has pinned: an image's own where one has just these. */
  async treeOf(
    diffIds: readonly Digest[],
  ): Promise<{ readonly root: RootfsNode; readonly tree?: string }> {
    for (const image of this.#images.values()) {
      const { diff_ids: others } = image.config.rootfs
      if (
        others.length === diffIds.length &&
        others.every((diffId, at) => diffId === diffIds[at])
      ) {
        return this.tree(image)
      }
    }
    return { root: mergeLayers(await this.layers(diffIds)) }
  }

  /** Layers for random access, in their order. */
  async layers(diffIds: readonly Digest[]): Promise<Layer[]> {
    const layers: Layer[] = []
    for (const diffId of diffIds) layers.push(await this.#layer(diffId))
    return layers
  }

  /** A name is never used again: the guest remembers what it found under it, and whose bytes are closed by now. */
  #treeName(id: Digest): string {
    const hex = id.slice('sha256:'.length)
    const removals = this.#removals.get(id)
    return removals === undefined ? hex : hex.slice(8) + removals.toString(16).padStart(8, '0')
  }

  #layer(diffId: Digest): Promise<OpenLayer> {
    return remember(this.#open, diffId, async () => {
      const stored = this.#layers.get(diffId)
      if (!stored) throw new EngineError('internal', `layer ${diffId} is missing from the store`)
      const { blobs } = this.#context
      await using index = await blobs.open(stored.index)
      const entries = decodeIndex(await index.read(0, index.size))
      const reader = await blobs.open(diffId)
      return { entries, source: reader, reader }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const diffId of this.#open.keys()) await this.#close(diffId)
    this.#trees.clear()
  }
}

/** The value of a key, made when first asked for; a failure is forgotten. */
function remember<Key, Value>(
  known: Map<Key, Promise<Value>>,
  key: Key,
  make: () => Promise<Value>,
): Promise<Value> {
  const before = known.get(key)
  if (before) return before
  const made = make()
  known.set(key, made)
  made.catch(() => {
    if (known.get(key) === made) known.delete(key)
  })
  return made
}

/**
 * The name of an image's tree as build steps have it: one for all of them, as the guest remembers what it has found there. Names are
 * hexadecimal: it is the image's own, backwards.
 */
export const stepTreeName = (tree: string): string => Array.from(tree).reverse().join('')
