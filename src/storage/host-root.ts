import { isDigest, type Digest } from '../core/digest.ts'
import { EngineError } from '../core/error.ts'
import type { RootfsNode } from '../core/layer.ts'
import { mergeLayers } from '../codec/layer-merge.ts'
import { openEstargz, type RangeCache } from './estargz-source.ts'
import type { OpenCatalogFile } from './catalog.ts'

/** The catalog's files, whole and in parts. */
export interface CatalogFiles {
  readonly open: OpenCatalogFile
  /** Exactly these bytes of a file, or an error. */
  readonly range: (path: string, offset: number, length: number) => Promise<Uint8Array>
}

/** The root that the user's shell sees, read on demand. */
export interface HostRoot {
  /** Names the tree: the digest of its manifest. */
  readonly tree: string
  readonly root: RootfsNode
  /** Get what the first prompt reads, in one request a layer. */
  prefetch(): Promise<void>
}

/** wasm/catalog/README.md: marks the image that is no image to offer. */
const ROLE = 'dev.drydock.role'
const TOC_DIGEST = 'containerd.io/snapshot/stargz/toc.digest'

interface Descriptor {
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
}

/** Where parts of blobs are kept over reloads, given all that there are. */
export type OpenRangeCaches = (
  digests: readonly Digest[],
) => Promise<(digest: Digest) => RangeCache>

/**
 * @param openCaches without it, every start fetches anew
 * @throws EngineError `unavailable` when the catalog has no such root or it can't be read
 */
export async function openHostRoot(
  files: CatalogFiles,
  openCaches?: OpenRangeCaches,
): Promise<HostRoot> {
  const { manifests } = await json<{ manifests?: readonly Descriptor[] }>(files, 'index.json')
  const entry = manifests?.find(({ annotations }) => annotations?.[ROLE] === 'root')
  if (!entry) throw new EngineError('unavailable', "The catalog has no root for the guest's shell")
  const manifest = await json<{ layers: readonly Descriptor[] }>(files, pathOf(entry))
  const digests = manifest.layers.map(digestOf)
  // A cache that can't be had only makes the start slower.
  const cacheOf = await openCaches?.(digests).catch(() => undefined)
  const layers = await Promise.all(
    manifest.layers.map((layer) => {
      const tocDigest = layer.annotations?.[TOC_DIGEST]
      return openEstargz(
        (offset, length) => files.range(pathOf(layer), offset, length),
        layer.size,
        {
          ...(tocDigest === undefined ? {} : { tocDigest }),
          ...(cacheOf ? { cache: cacheOf(digestOf(layer)) } : {}),
        },
      )
    }),
  )
  return {
    tree: entry.digest.slice('sha256:'.length),
    root: mergeLayers(layers),
    prefetch: async () => {
      await Promise.all(layers.map((layer) => layer.prefetch()))
    },
  }
}

function digestOf({ digest }: Descriptor): Digest {
  if (!isDigest(digest)) throw new EngineError('unavailable', `The catalog names ${digest}`)
  return digest
}

const pathOf = (blob: Descriptor): string => `blobs/${digestOf(blob).replace(':', '/')}`

async function json<T>(files: CatalogFiles, path: string): Promise<T> {
  const body = await files.open(path)
  if (!body) throw new EngineError('unavailable', `The catalog has no ${path}`)
  try {
    return (await new Response(body).json()) as T
  } catch (cause) {
    throw new EngineError('unavailable', `The catalog's ${path} is not JSON`, { cause })
  }
}
