import { sha256 } from '../../codec/sha256.ts'
import type { Digest } from '../../core/digest.ts'
import type { ProgressMessage } from '../../core/engine-api.ts'
import { EngineError } from '../../core/error.ts'
import type { OciDescriptor, OciIndex, OciManifest } from '../../core/oci.ts'
import { familiar, parseReference, withDefaultTag, type Reference } from '../../core/reference.ts'
import { shortId } from '../../core/short-id.ts'
import { ArchiveFiles, type ArchiveFile } from './archive-files.ts'
import type { ImageStore } from './image-store.ts'
import { isRunnable, nameOf, noMatch } from './platform.ts'
import { Progress } from './progress.ts'
import { parseConfig } from './parse-config.ts'

/** An image in an archive. */
interface Found {
  readonly config: ArchiveFile
  readonly layers: readonly ArchiveFile[]
  readonly names: readonly Reference[]
}

export interface LoadOptions {
  readonly quiet: boolean
  readonly signal: AbortSignal
}

/** Resolves when the archive was read; what fails later is told in the stream. */
export async function load(
  store: ImageStore,
  archive: ReadableStream<Uint8Array>,
  { quiet, signal }: LoadOptions,
): Promise<ReadableStream<ProgressMessage>> {
  const keep = (digest: Digest): boolean => store.layers.owns(digest)
  const files = await ArchiveFiles.read(store.context.blobs, archive, keep, signal)
  const progress = new Progress()
  const run = async (): Promise<void> => {
    try {
      try {
        for (const found of await imagesIn(files)) {
          await take(store, files, found, quiet ? undefined : progress, signal).then((message) =>
            progress.send({ stream: `${message}\n` }),
          )
        }
      } finally {
        await files.discard(keep)
      }
      await progress.close()
    } catch (error) {
      await progress.fail(error)
    }
  }
  void run()
  return progress.stream
}

/** By Docker's manifest.json, else by the image layout's index (image-spec v1.1.1, image-layout.md). */
async function imagesIn(files: ArchiveFiles): Promise<Found[]> {
  const docker = files.get('manifest.json')
  if (docker) {
    const manifest = await files.json(docker)
    if (!Array.isArray(manifest)) throw invalid('manifest.json is no list')
    return (manifest as Partial<DockerManifest>[]).map(({ Config, RepoTags, Layers }) => ({
      config: files.need(Config ?? ''),
      layers: (Layers ?? []).map((path) => files.need(path)),
      names: (RepoTags ?? []).map((name) => withDefaultTag(parseReference(name))),
    }))
  }
  const index = (await files.json(files.need('index.json'))) as Partial<OciIndex> | null
  const found: Found[] = []
  for (const descriptor of index?.manifests ?? []) found.push(await layoutImage(files, descriptor))
  return found
}

interface DockerManifest {
  readonly Config: string
  readonly RepoTags: readonly string[] | null
  readonly Layers: readonly string[]
}

async function layoutImage(files: ArchiveFiles, descriptor: OciDescriptor): Promise<Found> {
  const { digest, annotations } = descriptor
  let value = (await files.json(files.blob(digest))) as Partial<OciManifest & OciIndex>
  if (value.manifests) {
    const match = value.manifests.find(({ platform }) => platform && isRunnable(platform))
    if (!match) {
      throw noMatch(value.manifests.flatMap(({ platform }) => (platform ? [nameOf(platform)] : [])))
    }
    value = (await files.json(files.blob(match.digest))) as Partial<OciManifest>
  }
  const { config, layers } = value
  if (!config || !layers) throw invalid('a manifest is malformed')
  const name =
    annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name']
  return {
    config: files.blob(config.digest),
    layers: layers.map((layer) => files.blob(layer.digest)),
    // A layout may name an image by its tag alone: that is no name.
    names: name && /[/:]/.test(name) ? [withDefaultTag(parseReference(name))] : [],
  }
}

const invalid = (what: string): EngineError =>
  new EngineError('invalid-parameter', `invalid archive: ${what}`)

/** @returns what is told of it */
async function take(
  store: ImageStore,
  files: ArchiveFiles,
  { config: configFile, layers, names }: Found,
  progress: Progress | undefined,
  signal: AbortSignal,
): Promise<string> {
  const bytes = await files.bytes(configFile)
  const id = await sha256(bytes)
  const config = parseConfig(bytes)
  if (!isRunnable(config)) throw noMatch([nameOf(config)])
  const { diff_ids: diffIds } = config.rootfs
  if (diffIds.length !== layers.length) {
    throw invalid(
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${layers.length}`,
    )
  }
  const pin = store.layers.pin(diffIds)
  try {
    for (const [index, diffId] of diffIds.entries()) {
      const file = layers[index]
      if (!file || store.layers.get(diffId)) continue
      const { size } = file
      await progress?.count(shortId(diffId), 'Loading layer', 0, size)
      const source = { diffId, size, digest: file.digest, open: () => files.stream(file) }
      await store.layers.import(source, signal)
      await progress?.count(shortId(diffId), 'Loading layer', size, size)
    }
    await store.context.blobs.write(new Blob([bytes]).stream(), { digest: id })
    await store.put({ id, config, size: store.layers.size(diffIds) }, names, pin)
  } finally {
    await pin.release()
  }
  store.announce('load', id, id, store.byId(id))
  return names.length > 0
    ? names.map((name) => `Loaded image: ${familiar(name)}`).join('\n')
    : `Loaded image ID: ${id}`
}
