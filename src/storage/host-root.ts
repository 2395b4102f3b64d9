import { isDigest, type Digest } from '../core/digest.ts'
import { EngineError } from '../core/error.ts'
import type { RootfsNode } from '../core/layer.ts'
import { mergeLayers } from '../codec/layer-merge.ts'
import { openEstargz, type EstargzLayer, type RangeCache } from './estargz-source.ts'
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
}

/** wasm/catalog/README.md: marks the image that is no image to offer. */
const ROLE = 'dev.drydock.role'
const TOC_DIGEST = 'containerd.io/snapshot/stargz/toc.digest'

export interface Descriptor {
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
}

/** Where parts of blobs are kept over reloads, given all that there are. */
export type OpenRangeCaches = (
  digests: readonly Digest[],
) => Promise<(digest: Digest) => RangeCache>

/** The host root of a catalog, and what it is made of, the lowest first. */
export interface HostRootLayers {
  readonly tree: string
  readonly layers: readonly (readonly [Descriptor, EstargzLayer])[]
}

/** @throws EngineError `unavailable` when the catalog has no such root or it can't be read */
export async function openHostRoot(files: CatalogFiles): Promise<HostRoot> {
  const { tree, layers } = await openHostRootLayers(files)
  return { tree, root: mergeLayers(layers.map(([, layer]) => layer)) }
}

/** @throws EngineError `unavailable` when the catalog has no such root or it can't be read */
export async function openHostRootLayers(files: CatalogFiles): Promise<HostRootLayers> {
  const { manifests } = await json<{ manifests?: readonly Descriptor[] }>(files, 'index.json')
  const entry = manifests?.find(({ annotations }) => annotations?.[ROLE] === 'root')
  if (!entry) throw new EngineError('unavailable', "The catalog has no root for the guest's shell")
  const manifest = await json<{ layers: readonly Descriptor[] }>(files, pathOf(entry))
  const layers = await Promise.all(
    manifest.layers.map(async (layer) => [layer, await openLayer(files, layer)] as const),
  )
  return { tree: entry.digest.slice('sha256:'.length), layers }
}

/** A layer of the catalog. */
export function openLayer(
  files: CatalogFiles,
  layer: Descriptor,
  cache?: RangeCache,
): Promise<EstargzLayer> {
  const tocDigest = layer.annotations?.[TOC_DIGEST]
  return openEstargz((offset, length) => files.range(pathOf(layer), offset, length), layer.size, {
    ...(tocDigest === undefined ? {} : { tocDigest }),
    ...(cache ? { cache } : {}),
  })
}

export function digestOf({ digest }: Descriptor): Digest {
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
