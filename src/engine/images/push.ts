import { sha256 } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import type { ProgressMessage } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import { mediaType, type OciDescriptor } from '../../core/oci.ts'
import {
  canonical,
  familiar,
  familiarName,
  parseReference,
  type Reference,
} from '../../core/reference.ts'
import type { Slots } from '../../core/slots.ts'
import { shortId } from '../../core/short-id.ts'
import type { StoredImage } from './image.ts'
import type { ImageStore } from './image-store.ts'
import { counter, Progress } from './progress.ts'
import { RegistryUpload } from './registry-upload.ts'
import type { Credentials } from './registry-tokens.ts'

/** Bytes read from a blob at once. */
const SLICE = 1024 * 1024

/** distribution manifest-v2-2.md: what Docker makes of an image that it keeps in layers. */
const CONFIG_TYPE = 'application/vnd.docker.container.image.v1+json'
const LAYER_TYPE = 'application/vnd.docker.image.rootfs.diff.tar.gzip'

interface SentLayer {
  readonly digest: Digest
  readonly size: number
  readonly path: string
}

/** Layers that were sent, by registry and diff ID. */
export type SentLayers = Map<string, SentLayer>

export interface PushOptions {
  readonly sent: SentLayers
  /** Bounds the layers that are sent at once. */
  readonly slots: Slots
  readonly credentials?: Credentials
  readonly signal: AbortSignal
}

/** Send an image, or all of a repository where no tag is given. All that fails is told in the stream, as Docker does. */
export function push(
  store: ImageStore,
  reference: Reference,
  options: PushOptions,
): ReadableStream<ProgressMessage> {
  const job = new Push(store, reference, options)
  void job.run()
  return job.progress.stream
}

class Push {
  readonly progress = new Progress()
  readonly #store: ImageStore
  readonly #reference: Reference
  readonly #options: PushOptions
  readonly #abort = new AbortController()
  readonly #signal: AbortSignal
  readonly #registry: RegistryUpload

  constructor(store: ImageStore, reference: Reference, options: PushOptions) {
    this.#store = store
    this.#reference = reference
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#abort.signal])
    const { registry } = store.context
    this.#registry = new RegistryUpload(registry, reference, this.#signal, options.credentials)
  }

  async run(): Promise<void> {
    try {
      await this.#run()
      await this.progress.close()
    } catch (error) {
      // What is left of it stops first.
      this.#abort.abort(error)
      await this.progress.fail(error)
    }
  }

  /** moby distribution/push.go and push_v2.go */
  async #run(): Promise<void> {
    const { domain, path, tag, digest } = this.#reference
    const name = canonical({ domain, path })
    await this.progress.send({ status: `The push refers to repository [${name}]` })
    const tagged = this.#store
      .all()
      .flatMap((image) => Object.keys(image.tags).map((text) => ({ image, text })))
      .filter(({ text }) => text.startsWith(`${name}:`))
      .sort((left, right) => (left.text < right.text ? -1 : 1))
    if (tagged.length === 0) {
      throw new EngineError(
        'not-found',
        `An image does not exist locally with the tag: ${familiarName(this.#reference)}`,
      )
    }
    await this.#registry.ping()
    if (digest) throw new EngineError('invalid-parameter', 'cannot push a digest reference')
    const wanted = tagged.filter(({ text }) => tag === undefined || text === `${name}:${tag}`)
    if (wanted.length === 0) {
      throw new EngineError('not-found', `tag does not exist: ${familiar(this.#reference)}`)
    }
    for (const { image, text } of wanted) await this.#image(image, parseReference(text).tag ?? '')
    const [{ image }] = wanted as [(typeof wanted)[number]]
    this.#store.announce('push', familiar(this.#reference), familiarName(this.#reference), image)
  }

  async #image(image: StoredImage, tag: string): Promise<void> {
    const { id, config } = image
    const { domain, path } = this.#reference
    const pin = this.#store.layers.pin([id, ...config.rootfs.diff_ids])
    try {
      const layers = await this.#layers(config.rootfs.diff_ids)
      const manifest = new TextEncoder().encode(
        // Indented as Docker does: with the same layers, it is the same manifest.
        JSON.stringify(
          {
            schemaVersion: 2,
            mediaType: mediaType.dockerManifest,
            config: await this.#config(id),
            layers,
          },
          null,
          3,
        ),
      )
      await this.#registry.manifest(tag, mediaType.dockerManifest, manifest)
      const digest = await sha256(manifest)
      const size = manifest.length
      await this.#store.put(image, [{ domain, path, digest }])
      await this.progress.send({ status: `${tag}: digest: ${digest} size: ${size}` })
      await this.progress.send({
        progressDetail: {},
        aux: { Tag: tag, Digest: digest, Size: size },
      })
    } finally {
      await pin.release()
    }
  }

  async #config(id: Digest): Promise<OciDescriptor> {
    const size = (await this.#store.context.blobs.size(id)) ?? 0
    if (!(await this.#registry.has(id))) await this.#registry.upload(this.#content(id))
    return { mediaType: CONFIG_TYPE, size, digest: id }
  }

  async #layers(diffIds: readonly Digest[]): Promise<OciDescriptor[]> {
    const topFirst = diffIds.toReversed()
    for (const diffId of topFirst) await this.progress.status(shortId(diffId), 'Preparing')
    const jobs = new Map([...new Set(topFirst)].map((diffId) => [diffId, this.#layer(diffId)]))
    // One that fails ends the others; all end before the blobs are let go.
    const ends = [...jobs.values()].map((job) => job.catch((error) => this.#abort.abort(error)))
    await Promise.all(ends)
    this.#signal.throwIfAborted()
    const layers: OciDescriptor[] = []
    for (const diffId of diffIds) {
      const sent = await jobs.get(diffId)
      if (sent) layers.push({ mediaType: LAYER_TYPE, size: sent.size, digest: sent.digest })
    }
    return layers
  }

  async #layer(diffId: Digest): Promise<SentLayer> {
    const { slots, sent } = this.#options
    const { domain, path } = this.#reference
    const id = shortId(diffId)
    if (slots.full) await this.progress.status(id, 'Waiting')
    using _ = await slots.take(this.#signal)
    const key = `${domain} ${diffId}`
    const known = sent.get(key)
    if (known && (await this.#registry.has(known.digest))) {
      await this.progress.status(id, 'Layer already exists')
      return known
    }
    if (known && known.path !== path && (await this.#registry.mount(known.digest, known.path))) {
      await this.progress.status(id, `Mounted from ${known.path}`)
      return known
    }
    const total = (await this.#store.context.blobs.size(diffId)) ?? 0
    const tell = counter(this.#store.context.clock, (current) =>
      this.progress.count(id, 'Pushing', current, total),
    )
    const layer = await this.#registry.upload(gzipped(this.#content(diffId, tell)))
    await this.progress.status(id, 'Pushed')
    const done = { ...layer, path }
    sent.set(key, done)
    return done
  }

  async *#content(
    digest: Digest,
    tell?: (bytes: number) => Promise<void>,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    await using reader = await this.#store.context.blobs.open(digest)
    for (let at = 0; at < reader.size; at += SLICE) {
      this.#signal.throwIfAborted()
      const bytes = new Uint8Array(await reader.read(at, SLICE))
      await tell?.(bytes.length)
      yield bytes
    }
  }
}

function gzipped(
  plain: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull: async (controller) => {
        const { done, value } = await plain.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      cancel: async () => {
        await plain.return()
      },
    },
    { highWaterMark: 0 },
  ).pipeThrough(new CompressionStream('gzip'))
}
