import { sha256 } from '../../codec/sha256.ts'
import { TarWriter, type TarMember } from '../../codec/tar/write.ts'
import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import { mediaType, type OciDescriptor } from '../../core/oci.ts'
import {
  canonical,
  familiar,
  familiarName,
  parseReference,
  type Reference,
} from '../../core/reference.ts'
import { createdOf, type StoredImage } from './image.ts'
import type { ImageStore } from './image-store.ts'
import { nameOf, PLATFORM } from './platform.ts'

/** Bytes read from a blob at once. */
const SLICE = 1024 * 1024

interface Wanted {
  readonly image: StoredImage
  /** Names that go with it: none when it was asked for by ID. */
  readonly names: Reference[]
}

/** An OCI image layout with Docker's own manifest.json beside it, as Docker 25 and later write it. */
export function save(store: ImageStore, names: readonly string[]): ReadableStream<Uint8Array> {
  const wanted = select(store, names)
  const pin = store.layers.pin(
    wanted.flatMap(({ image }) => [image.id, ...image.config.rootfs.diff_ids]),
  )
  const pieces = archive(store, wanted)
  const end = async (): Promise<void> => {
    await pieces.return()
    await pin.release()
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await pieces.next()
          if (!done) {
            controller.enqueue(value)
            return
          }
          await end()
          controller.close()
        } catch (error) {
          await end()
          throw error
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )
}

/** A name without a tag means all tags (moby image/tarexport/save.go, parseNames). */
function select(store: ImageStore, names: readonly string[]): Wanted[] {
  if (names.length === 0) {
    throw new EngineError('invalid-parameter', 'no images to save: give the name of one')
  }
  const wanted = new Map<Digest, Wanted>()
  const add = (image: StoredImage, reference?: Reference): void => {
    const entry = wanted.get(image.id) ?? { image, names: [] }
    wanted.set(image.id, entry)
    const known = entry.names.some((name) => reference && canonical(name) === canonical(reference))
    if (reference && !known) entry.names.push(reference)
  }
  for (const name of names) {
    const reference = isIdLike(name) ? undefined : parseReference(name)
    if (reference && reference.tag === undefined && !reference.digest) {
      const prefix = `${canonical(reference)}:`
      const tags = store
        .all()
        .flatMap((image) => Object.keys(image.tags).map((tag) => ({ image, tag })))
        .filter(({ tag }) => tag.startsWith(prefix))
      for (const { image, tag } of tags) add(image, parseReference(tag))
      if (tags.length > 0) continue
    }
    const image = find(store, name)
    const isName = reference && canonical(reference) in image.tags
    add(image, isName ? reference : undefined)
  }
  return [...wanted.values()]
}

function find(store: ImageStore, name: string): StoredImage {
  try {
    return store.find(name)
  } catch (cause) {
    if (!(cause instanceof EngineError) || cause.code !== 'not-found') throw cause
    // Docker names it here as it was given.
    throw new EngineError('not-found', `No such image: ${name}`, { cause })
  }
}

const isIdLike = (name: string): boolean => /^(sha256:)?[0-9a-f]{64}$/.test(name)

async function* archive(
  store: ImageStore,
  wanted: readonly Wanted[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const { blobs } = store.context
  const writer = new TarWriter()
  const newest = Math.max(...wanted.map(({ image }) => createdOf(image)))
  const mtime = Math.max(0, Math.floor(newest / 1000))
  const manifests: OciDescriptor[] = []
  const docker: object[] = []
  const repositories: Record<string, Record<string, string>> = {}
  const files = new Map<Digest, Uint8Array | 'stored'>()
  for (const { image, names } of wanted) {
    const layers = image.config.rootfs.diff_ids
    const manifest = encode({
      schemaVersion: 2,
      mediaType: mediaType.ociManifest,
      config: await describe(store, image.id, 'config.v1+json'),
      layers: await Promise.all(layers.map((diffId) => describe(store, diffId, 'layer.v1.tar'))),
    })
    const digest = await sha256(manifest)
    files.set(digest, manifest)
    for (const blob of [image.id, ...layers]) files.set(blob, 'stored')
    const descriptor = {
      mediaType: mediaType.ociManifest,
      digest,
      size: manifest.length,
      platform: PLATFORM,
    }
    if (names.length === 0) manifests.push(descriptor)
    for (const name of names) {
      manifests.push({
        ...descriptor,
        annotations: {
          'io.containerd.image.name': canonical(name),
          'org.opencontainers.image.ref.name': name.tag ?? '',
        },
      })
      const top = layers.at(-1)
      if (top) {
        const tags = (repositories[familiarName(name)] ??= {})
        tags[name.tag ?? ''] = top.slice('sha256:'.length)
      }
    }
    docker.push({
      Config: pathOf(image.id),
      RepoTags: names.length > 0 ? names.map(familiar) : null,
      Layers: layers.map(pathOf),
    })
  }
  const member = (path: string, kind: 'file' | 'directory', size: number): TarMember => ({
    path,
    kind,
    mode: kind === 'file' ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    mtime,
    size,
  })
  yield writer.header(member('blobs', 'directory', 0))
  yield writer.header(member('blobs/sha256', 'directory', 0))
  for (const [digest, content] of [...files].sort(([left], [right]) => (left < right ? -1 : 1))) {
    if (content !== 'stored') {
      yield writer.header(member(pathOf(digest), 'file', content.length))
      yield content
      yield writer.padding(content.length)
      continue
    }
    await using reader = await blobs.open(digest)
    yield writer.header(member(pathOf(digest), 'file', reader.size))
    for (let at = 0; at < reader.size; at += SLICE) yield await reader.read(at, SLICE)
    yield writer.padding(reader.size)
  }
  const texts = {
    'index.json': { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests },
    'manifest.json': docker,
    'oci-layout': { imageLayoutVersion: '1.0.0' },
    repositories,
  }
  for (const [path, value] of Object.entries(texts)) {
    const content = encode(value)
    yield writer.header(member(path, 'file', content.length))
    yield content
    yield writer.padding(content.length)
  }
  yield writer.end()
}

async function describe(store: ImageStore, digest: Digest, type: string): Promise<OciDescriptor> {
  const size = await store.context.blobs.size(digest)
  if (size === undefined) {
    throw new EngineError('internal', `blob ${digest} of ${nameOf(PLATFORM)} image is missing`)
  }
  return { mediaType: `application/vnd.oci.image.${type}`, digest, size }
}

const pathOf = (digest: Digest): string => `blobs/${digest.replace(':', '/')}`

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
