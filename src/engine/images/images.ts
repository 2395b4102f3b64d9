import { sha256 } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import type {
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  ProgressMessage,
} from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import type { OciImageConfig } from '../../core/oci.ts'
import { familiar, parseReference, withDefaultTag, type Reference } from '../../core/reference.ts'
import type { ContainerBrief, Context } from '../context.ts'
import type { Filters } from '../filters.ts'
import { Slots } from '../../core/slots.ts'
import { Mutex } from '../mutex.ts'
import { toRecord, type ImageRecord } from './image.ts'
import { importTree, type ImportOptions } from './import-tree.ts'
import { ImageStore } from './image-store.ts'
import type { ImageTree, LayerHolder, LayerPin, LayerStore } from './layer-store.ts'
import { history, inspect, list, type ListOptions } from './list.ts'
import { load } from './load.ts'
import { checkPlatform } from './platform.ts'
import { pull } from './pull.ts'
import { push, type SentLayers } from './push.ts'
import { distribution, type DistributionInspect } from './distribution.ts'
import { RegistryClient } from './registry-client.ts'
import type { Credentials } from './registry-tokens.ts'
import { save } from './save.ts'
import { prune, remove, type PruneResult } from './remove.ts'

/** As dockerd's `max-concurrent-downloads`. */
const DOWNLOADS = 3
/** As dockerd's `max-concurrent-uploads`. */
const UPLOADS = 5

export interface PullRequest {
  /** Name with tag or digest; `latest` without. */
  readonly reference: string
  /** `linux/386` or nothing. */
  readonly platform?: string
  readonly credentials?: Credentials
  readonly signal: AbortSignal
}

export interface PushRequest {
  /** With a tag, or `tag` says it; without either all tags are sent. */
  readonly name: string
  readonly tag: string
  readonly credentials?: Credentials
  readonly signal: AbortSignal
}

/** The images of an engine: what the stores hold, by any name a user may give. */
export class Images implements AsyncDisposable {
  readonly #store: ImageStore
  readonly #downloads = new Slots(DOWNLOADS)
  readonly #uploads = new Slots(UPLOADS)
  /** Forgotten with the engine: layers are sent once more then. */
  readonly #sent: SentLayers = new Map()
  /** Removals look at what others use: one at a time. */
  readonly #changing = new Mutex()
  readonly #closing = new AbortController()

  private constructor(store: ImageStore) {
    this.#store = store
  }

  /**
   * @param containers those that keep an image from being removed
   * @param holder keeps layers that no image has
   */
  static async open(
    context: Context,
    containers: () => readonly ContainerBrief[],
    holder: LayerHolder,
  ): Promise<Images> {
    return new Images(await ImageStore.open(context, containers, holder))
  }

  get layers(): LayerStore {
    return this.#store.layers
  }

  /**
   * Store an image that was built.
   * @param names the tags it gets, at once with the image
   * @param pin holds its layers until the image does; the caller releases it
   */
  async create(
    config: OciImageConfig,
    names: readonly Reference[],
    pin: LayerPin,
  ): Promise<ImageRecord> {
    const bytes = new TextEncoder().encode(JSON.stringify(config))
    const id = await sha256(bytes)
    await this.#store.context.blobs.write(new Blob([bytes]).stream(), { digest: id })
    const size = this.#store.layers.size(config.rootfs.diff_ids)
    const image = await this.#store.put({ id, config, size }, names, pin)
    for (const name of names) this.#store.announce('tag', id, familiar(name), image)
    return toRecord(image)
  }

  get count(): number {
    return this.#store.all().length
  }

  /** Bytes of all layers, each counted once. */
  get layersSize(): number {
    return this.#store.layers.total()
  }

  /**
   * By reference, digest, ID or unique prefix of an ID.
   * @throws EngineError `not-found`: `No such image: busybox:latest`
   */
  async get(nameOrId: string): Promise<ImageRecord> {
    return toRecord(this.#store.find(nameOrId))
  }

  /**
   * Also one that was removed under its containers.
   * @throws EngineError `not-found`
   */
  async kept(id: Digest): Promise<ImageRecord> {
    return toRecord(this.#store.kept(id))
  }

  /**
   * The image's merged layers, under the name for `MachineTrees.add`. Read once, then kept.
   * @throws EngineError `not-found`
   */
  async tree(id: Digest): Promise<ImageTree> {
    return this.#store.layers.tree(this.#store.kept(id))
  }

  list(options: ListOptions): ImageSummary[] {
    return list(this.#store, options)
  }

  inspect(nameOrId: string): ImageInspect {
    return inspect(this.#store.find(nameOrId))
  }

  history(nameOrId: string): ImageHistoryItem[] {
    return history(this.#store, this.#store.find(nameOrId))
  }

  /**
   * Images as an archive for `load`, here or elsewhere.
   * @throws EngineError `not-found`
   */
  save(names: readonly string[]): ReadableStream<Uint8Array> {
    return save(this.#store, names)
  }

  /**
   * Take in an archive of images: Docker's or an OCI image layout, gzipped or not. Resolves when all of it has been read.
   * @throws EngineError
   */
  load(
    archive: ReadableStream<Uint8Array>,
    options: { readonly quiet: boolean; readonly signal: AbortSignal },
  ): Promise<ReadableStream<ProgressMessage>> {
    return load(this.#store, archive, options)
  }

  /**
   * Make an image of one layer from the tar of a file tree.
   * @returns its ID
   * @throws EngineError
   */
  import(tree: ReadableStream<Uint8Array>, options: ImportOptions): Promise<Digest> {
    return importTree(this.#store, tree, options)
  }

  /**
   * Resolves when the registry has answered; what fails later is told in the stream.
   * @throws EngineError in Docker's words
   */
  async pull(request: PullRequest): Promise<ReadableStream<ProgressMessage>> {
    checkPlatform(request.platform ?? '')
    const signal = AbortSignal.any([request.signal, this.#closing.signal])
    return pull(this.#store, this.#downloads, parseReference(request.reference), {
      ...request,
      signal,
    })
  }

  /**
   * What fails is told in the stream.
   * @throws EngineError `invalid-parameter` for what is no name
   */
  push({ name, tag, ...request }: PushRequest): ReadableStream<ProgressMessage> {
    const reference = parseReference(tag ? `${name}:${tag}` : name)
    const signal = AbortSignal.any([request.signal, this.#closing.signal])
    const { credentials } = request
    return push(this.#store, reference, {
      sent: this.#sent,
      slots: this.#uploads,
      ...(credentials && { credentials }),
      signal,
    })
  }

  /**
   * What a registry has under a name.
   * @throws EngineError in Docker's words
   */
  distribution(
    name: string,
    signal: AbortSignal,
    credentials?: Credentials,
  ): Promise<DistributionInspect> {
    return distribution(this.#store.context.registry, name, signal, credentials)
  }

  /** @throws EngineError `unauthorized` when the registry doesn't take the credentials */
  async login(credentials: Credentials, signal: AbortSignal): Promise<void> {
    const address = (credentials.serveraddress ?? '').replace(/^https?:\/\//, '')
    const domain = address.split('/')[0] ?? ''
    const registry = domain === '' || domain === 'index.docker.io' ? 'docker.io' : domain
    const client = new RegistryClient(
      this.#store.context.registry,
      { domain: registry, path: '' },
      credentials,
    )
    await client.ping(signal)
  }

  /** Give an image one more name; the tag leaves the image that had it. */
  async tag(nameOrId: string, repository: string, tag: string): Promise<void> {
    const image = this.#store.find(nameOrId)
    const reference = withDefaultTag(parseReference(tag ? `${repository}:${tag}` : repository))
    if (reference.digest) {
      throw new EngineError('invalid-parameter', 'refusing to create a tag with a digest reference')
    }
    await this.#store.put(image, [reference])
    this.#store.announce('tag', image.id, familiar(reference), image)
  }

  /** Delete what was removed under containers that are gone by now. */
  async sweep(): Promise<void> {
    using _ = await this.#changing.lock()
    await this.#store.sweep()
  }

  /** @throws EngineError `not-found`, `conflict` */
  async remove(nameOrId: string, options: { readonly force: boolean }): Promise<ImageDeleteItem[]> {
    using _ = await this.#changing.lock()
    await this.#store.sweep()
    return await remove(this.#store, nameOrId, options)
  }

  async prune(filters: Filters): Promise<PruneResult> {
    using _ = await this.#changing.lock()
    await this.#store.sweep()
    return await prune(this.#store, filters)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new EngineError('unavailable', 'the engine is stopping'))
    await this.#store.layers[Symbol.asyncDispose]()
  }
}

export type { ImageRecord } from './image.ts'
export type { ImageTree } from './layer-store.ts'
export type { Credentials } from './registry-tokens.ts'
