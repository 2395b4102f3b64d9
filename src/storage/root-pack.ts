import { decodeIndex, encodeIndex } from '../codec/layer-index.ts'
import { mergeLayers } from '../codec/layer-merge.ts'
import { EngineError } from '../core/error.ts'
import type { ContentSource, Layer } from '../core/layer.ts'
import type { EstargzLayer, SourcePart } from './estargz-source.ts'
import {
  digestOf,
  openLayer,
  type CatalogFiles,
  type Descriptor,
  type HostRoot,
  type HostRootLayers,
  type OpenRangeCaches,
} from './host-root.ts'

/**
 * The host root in one file, made when the page is built: what its layers hold, and the bytes that the first prompt reads. A
 * start needs no table of a layer then, and inflates nothing.
 *
 * u32 length of the header, the header (JSON), then the parts one after the other.
 */
interface PackHeader {
  readonly tree: string
  readonly layers: readonly PackedLayer[]
}

interface PackedLayer {
  readonly descriptor: Descriptor
  /** Bytes of `encodeIndex`. */
  readonly index: number
  readonly parts: readonly (readonly [start: number, size: number])[]
}

const LENGTH_SIZE = 4

export async function packRoot({ tree, layers }: HostRootLayers): Promise<Uint8Array> {
  const bytes: Uint8Array[] = []
  const packed: PackedLayer[] = []
  for (const [descriptor, { entries, first, source }] of layers) {
    const index = encodeIndex(entries)
    bytes.push(index)
    for (const { start, size } of first) bytes.push(await source.read(start, size))
    packed.push({
      descriptor,
      index: index.length,
      parts: first.map(({ start, size }) => [start, size]),
    })
  }
  const header = new TextEncoder().encode(JSON.stringify({ tree, layers: packed }))
  const length = new Uint8Array(LENGTH_SIZE)
  new DataView(length.buffer).setUint32(0, header.length, true)
  return new Uint8Array(await new Blob([length, header, ...bytes] as BlobPart[]).arrayBuffer())
}

/**
 * @param pack of `packRoot`, checked by its digest
 * @param openCaches without it, what is not in the pack is fetched anew at every start
 */
export function openRootPack(
  pack: Uint8Array,
  files: CatalogFiles,
  openCaches?: OpenRangeCaches,
): HostRoot {
  const length = new DataView(pack.buffer, pack.byteOffset).getUint32(0, true)
  let at = LENGTH_SIZE + length
  const take = (size: number): Uint8Array => {
    at += size
    return pack.subarray(at - size, at)
  }
  const header = JSON.parse(new TextDecoder().decode(pack.subarray(LENGTH_SIZE, at))) as PackHeader
  const digests = header.layers.map(({ descriptor }) => digestOf(descriptor))
  let caches: ReturnType<OpenRangeCaches> | undefined
  const layers = header.layers.map(({ descriptor, index, parts }) => {
    const entries = decodeIndex(take(index))
    const first = parts.map(([start, size]) => ({ start, size, bytes: take(size) }))
    const open = async (): Promise<EstargzLayer> => {
      caches ??= openCaches?.(digests)
      // A cache that can't be had only makes reading slower.
      const cache = await caches
        ?.then((cacheOf) => cacheOf(digestOf(descriptor)))
        .catch(() => undefined)
      return openLayer(files, descriptor, cache)
    }
    return { entries, source: new PackedSource(first, open) }
  })
  return { tree: header.tree, root: mergeLayers(layers) }
}

/** The parts that are there, and behind them the layer itself, opened when something else is read. */
class PackedSource implements ContentSource {
  readonly #parts: readonly (SourcePart & { readonly bytes: Uint8Array })[]
  readonly #open: () => Promise<Layer>
  #layer: Promise<Layer> | undefined
  #source: ContentSource | undefined

  /** @param parts by `start` */
  constructor(
    parts: readonly (SourcePart & { readonly bytes: Uint8Array })[],
    open: () => Promise<Layer>,
  ) {
    this.#parts = parts.toSorted((left, right) => left.start - right.start)
    this.#open = open
  }

  read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    return (
      this.#packed(offset, length) ??
      this.#source?.read(offset, length) ??
      this.#later(offset, length)
    )
  }

  /** @returns undefined unless all of it is in the pack */
  #packed(offset: number, length: number): Uint8Array | undefined {
    let low = 0
    let high = this.#parts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const part = this.#parts[middle]
      if (part && part.start + part.size <= offset) low = middle + 1
      else high = middle
    }
    const bytes = new Uint8Array(length)
    let got = 0
    for (let at = low; got < length; at++) {
      const part = this.#parts[at]
      if (!part || part.start > offset + got) return undefined
      const from = offset + got - part.start
      const piece = part.bytes.subarray(from, from + length - got)
      if (piece.length === length) return piece
      bytes.set(piece, got)
      got += piece.length
    }
    return bytes
  }

  async #later(offset: number, length: number): Promise<Uint8Array> {
    this.#layer ??= this.#open()
    try {
      this.#source = (await this.#layer).source
    } catch (error) {
      // The next read tries again.
      this.#layer = undefined
      throw error instanceof EngineError
        ? error
        : new EngineError('unavailable', 'The root cannot be read', { cause: error })
    }
    return this.#source.read(offset, length)
  }
}
