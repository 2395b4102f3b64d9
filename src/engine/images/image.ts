import type { Digest } from '../../core/digest.ts'
import type { OciImageConfig } from '../../core/oci.ts'
import { familiar, parseReference } from '../../core/reference.ts'

/** An image as the engine knows it. */
export interface ImageRecord {
  /** Digest of its config. */
  readonly id: Digest
  readonly config: OciImageConfig
  /** As shown: `busybox:latest`. */
  readonly repoTags: readonly string[]
  /** As shown: `busybox@sha256:…`. */
  readonly repoDigests: readonly string[]
  /** Bytes of its files, layer by layer. */
  readonly size: number
  /** RFC 3339; `0001-01-01T00:00:00Z` when the image doesn't say. */
  readonly created: string
  /** RFC 3339; when a tag was last set on it. */
  readonly lastTagTime: string
}

/** An image in the record store, kind `image`, by its ID. */
export interface StoredImage {
  readonly id: Digest
  readonly config: OciImageConfig
  /** Full references, `docker.io/library/busybox:latest`, and when each was set (RFC 3339). */
  readonly tags: Readonly<Record<string, string>>
  /** `docker.io/library/busybox@sha256:…` */
  readonly digests: readonly string[]
  readonly size: number
  /** Removed by force under its containers: it is there for them alone, and goes with the last. */
  readonly removed?: true
}

/** A layer in the record store, kind `layer`, by its diff ID. The blob of that digest is its plain tar. */
export interface StoredLayer {
  readonly diffId: Digest
  /** As the registry has it, compressed. */
  readonly digest: Digest
  /** Blob with the layer's entries, so that a reload needn't read the tar again. */
  readonly index: Digest
  /** Bytes of its files. */
  readonly size: number
}

const NEVER = '0001-01-01T00:00:00Z'

/** What `info` and `inspect` call the way layers are stacked: overlayfs over the image's merged layers. */
export const STORAGE_DRIVER = 'overlay2'

/** Milliseconds since 1970. */
export const createdOf = ({ config }: Pick<StoredImage, 'config'>): number => timeOf(config.created)

/** What can't be read counts as never. */
export function timeOf(text: string | undefined): number {
  const time = Date.parse(text ?? NEVER)
  return Number.isNaN(time) ? Date.parse(NEVER) : time
}

export const toRecord = (image: StoredImage): ImageRecord => ({
  id: image.id,
  config: image.config,
  repoTags: Object.keys(image.tags).map((tag) => familiar(parseReference(tag))),
  repoDigests: image.digests.map((digest) => familiar(parseReference(digest))),
  size: image.size,
  created: image.config.created ?? NEVER,
  lastTagTime: Object.values(image.tags).sort().at(-1) ?? NEVER,
})
