import { isDigest, type Digest } from '../../core/digest.ts'
import type { ProgressMessage } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import { mediaType, type OciImageConfig, type OciIndex, type OciManifest } from '../../core/oci.ts'
import { familiar, familiarName, withDefaultTag, type Reference } from '../../core/reference.ts'
import type { Slots } from '../../core/slots.ts'
import { shortId } from '../../core/short-id.ts'
import type { ImageStore } from './image-store.ts'
import { malformed, parseConfig } from './parse-config.ts'
import { isRunnable, nameOf, noMatch, selectManifest } from './platform.ts'
import { counter, Progress } from './progress.ts'
import { RegistryClient, type Manifest } from './registry-client.ts'
import type { Credentials } from './registry-tokens.ts'

/** Largest image config, in bytes: what containerd takes. */
const CONFIG_MAX = 8 * 1024 * 1024

/** As moby's `max-download-attempts`, and seconds that it waits the longer the more have failed (distribution/xfer). */
const ATTEMPTS = 5
const PAUSE = 5

export interface PullOptions {
  readonly credentials?: Credentials
  /** Cancels the pull; what came so far is dropped. */
  readonly signal: AbortSignal
}

/**
 * Pull an image. Resolves when the registry has answered with a manifest; what fails later is told in the stream.
 * @param slots bounds the layers that are fetched at once
 * @throws EngineError in Docker's words
 */
export async function pull(
  store: ImageStore,
  slots: Slots,
  wanted: Reference,
  options: PullOptions,
): Promise<ReadableStream<ProgressMessage>> {
  const reference = withDefaultTag(wanted)
  const client = new RegistryClient(store.context.registry, reference, options.credentials)
  const top = await client.manifest(reference, options.signal)
  const job = new Pull(store, slots, reference, client, options.signal)
  // It reports its own failure, in the stream.
  void job.run(top)
  return job.progress.stream
}

class Pull {
  readonly progress: Progress
  readonly #store: ImageStore
  readonly #slots: Slots
  readonly #reference: Reference
  readonly #client: RegistryClient
  readonly #abort = new AbortController()
  readonly #signal: AbortSignal

  constructor(
    store: ImageStore,
    slots: Slots,
    reference: Reference,
    client: RegistryClient,
    signal: AbortSignal,
  ) {
    this.#store = store
    this.#slots = slots
    this.#reference = reference
    this.#client = client
    this.progress = new Progress()
    this.#signal = AbortSignal.any([signal, this.#abort.signal])
  }

  async run(top: Manifest): Promise<void> {
    try {
      await this.#run(top)
      await this.progress.close()
    } catch (error) {
      await this.progress.fail(error)
    }
  }

  async #run(top: Manifest): Promise<void> {
    const { progress } = this
    const reference = this.#reference
    await progress.send({
      status: `Pulling from ${reference.path}`,
      id: reference.digest ?? reference.tag ?? '',
    })
    const manifest = await this.#imageManifest(top)
    const before = this.#store.byReference(reference)
    const { digest: id } = manifest.config
    const known = this.#store.byId(id)?.config
    const bytes = known ? undefined : await this.#configBytes(manifest)
    const config = known ?? checkedConfig(bytes ?? new Uint8Array(), manifest)
    const pin = this.#store.layers.pin(config.rootfs.diff_ids)
    try {
      if (bytes) {
        await this.#layers(manifest, config)
        await this.#store.context.blobs.write(new Blob([bytes]).stream(), { digest: id })
      }
      const size = this.#store.layers.size(config.rootfs.diff_ids)
      const image = { id, config, size }
      const { domain, path } = reference
      const names: Reference[] = [{ domain, path, digest: top.digest }]
      if (!reference.digest) names.push(reference)
      const stored = await this.#store.put(image, names, pin)
      await progress.send({ status: `Digest: ${top.digest}` })
      await progress.send({
        status:
          before?.id === id
            ? `Status: Image is up to date for ${familiar(reference)}`
            : `Status: Downloaded newer image for ${familiar(reference)}`,
      })
      this.#store.announce('pull', familiar(reference), familiarName(reference), stored)
    } finally {
      await pin.release()
    }
  }

  async #imageManifest(top: Manifest): Promise<OciManifest> {
    let manifest = top
    if (manifest.mediaType === mediaType.ociIndex || manifest.mediaType === mediaType.dockerList) {
      const index = manifest.value as OciIndex
      if (!Array.isArray(index.manifests)) throw malformed('index')
      const { digest, size } = selectManifest(index)
      if (!isDigest(digest)) throw malformed('index')
      manifest = await this.#client.manifest({ digest }, this.#signal, size)
    }
    if (
      manifest.mediaType !== mediaType.ociManifest &&
      manifest.mediaType !== mediaType.dockerManifest
    ) {
      throw new EngineError('internal', `unsupported manifest media type "${manifest.mediaType}"`)
    }
    const value = manifest.value as Partial<OciManifest>
    const descriptors = [
      value.config,
      ...(Array.isArray(value.layers) ? value.layers : [undefined]),
    ]
    for (const descriptor of descriptors) {
      if (!descriptor || !isDigest(descriptor.digest) || !Number.isSafeInteger(descriptor.size)) {
        throw malformed('manifest')
      }
    }
    return value as OciManifest
  }

  async #configBytes({ config }: OciManifest): Promise<Uint8Array<ArrayBuffer>> {
    if (config.size > CONFIG_MAX) throw malformed('config')
    return this.#client.blob(config.digest, config.size, this.#signal)
  }

  async #layers({ layers }: OciManifest, { rootfs }: OciImageConfig): Promise<void> {
    const { progress } = this
    const jobs = layers.map(({ digest, size }, index) => ({
      digest,
      size,
      diffId: rootfs.diff_ids[index] ?? digest,
      id: shortId(digest),
    }))
    for (const { diffId, id } of jobs) {
      const known = this.#store.layers.get(diffId)
      await progress.status(id, known ? 'Already exists' : 'Pulling fs layer')
    }
    const missing = jobs.filter(({ diffId }) => !this.#store.layers.get(diffId))
    let before: Promise<void> = Promise.resolve()
    const fetches: Promise<void>[] = []
    const all = missing.map((job) => {
      const fetched = this.#fetch(job)
      fetches.push(fetched)
      before = Promise.all([before, fetched]).then(() => this.#complete(job))
      return before
    })
    const results = await Promise.allSettled(
      all.map(async (job) => {
        try {
          await job
        } catch (error) {
          this.#abort.abort(error)
          throw error
        }
      }),
    )
    // A layer that failed ends the wait for those after it: what they do must end, too.
    await Promise.allSettled(fetches)
    const failed = results.find((result) => result.status === 'rejected')
    if (!failed) return
    // The first failure aborted the others.
    throw this.#signal.aborted ? this.#signal.reason : failed.reason
  }

  async #fetch(job: LayerJob): Promise<void> {
    if (this.#slots.full) await this.progress.status(job.id, 'Waiting')
    using _ = await this.#slots.take(this.#signal)
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#import(job)
        return
      } catch (error) {
        // Our own errors are final: wrong bytes stay wrong. What else breaks a stream is the network.
        if (this.#signal.aborted || error instanceof EngineError || attempt === ATTEMPTS)
          throw error
        await this.#pause(job, attempt * PAUSE)
      }
    }
  }

  async #pause({ id }: LayerJob, seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left--) {
      await this.progress.status(id, `Retrying in ${left} second${left === 1 ? '' : 's'}`)
      await this.#store.context.clock.sleep(1000, this.#signal)
    }
  }

  async #import(job: LayerJob): Promise<void> {
    const { progress } = this
    const tell = counter(this.#store.context.clock, (current) =>
      progress.count(job.id, 'Downloading', current, job.size),
    )
    await this.#store.layers.import(
      {
        diffId: job.diffId,
        digest: job.digest,
        size: job.size,
        open: (signal) => this.#client.stream(job.digest, signal),
        onBytes: tell,
        onVerified: async () => {
          await progress.status(job.id, 'Verifying Checksum')
          await progress.status(job.id, 'Download complete')
        },
      },
      this.#signal,
    )
  }

  async #complete({ id, size }: LayerJob): Promise<void> {
    await this.progress.count(id, 'Extracting', size, size)
    await this.progress.status(id, 'Pull complete')
  }
}

interface LayerJob {
  readonly id: string
  readonly digest: Digest
  readonly diffId: Digest
  readonly size: number
}

function checkedConfig(bytes: Uint8Array, { layers }: OciManifest): OciImageConfig {
  const config = parseConfig(bytes)
  if (!isRunnable(config)) throw noMatch([nameOf(config)])
  if (config.rootfs.diff_ids.length !== layers.length) {
    throw new EngineError('internal', "layers from manifest don't match image configuration")
  }
  return config
}
