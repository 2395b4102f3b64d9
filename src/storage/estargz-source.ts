import {
  FOOTER_SIZE,
  parseFooter,
  parseToc,
  TOC_NAME,
  type Chunk,
  type Toc,
} from '../codec/estargz.ts'
import { gunzip } from '../codec/gunzip.ts'
import { inflateMembers } from '../codec/inflate-members.ts'
import { createDigester } from '../codec/sha256.ts'
import { readTar } from '../codec/tar/read.ts'
import { EngineError } from '../core/error.ts'
import type { ContentSource, Layer } from '../core/layer.ts'
import { ByteCache } from './byte-cache.ts'
import { joinBytes } from '../codec/join-bytes.ts'

/** Exactly `length` bytes of a blob from `offset`. */
export type FetchRange = (
  offset: number,
  length: number,
  signal?: AbortSignal,
) => Promise<Uint8Array>

/** Keeps parts of one blob over reloads. It needn't be trusted: whatever it gives is checked. */
export interface RangeCache {
  get(offset: number): Promise<Uint8Array | undefined>
  set(offset: number, bytes: Uint8Array): Promise<void>
}

export interface EstargzOptions {
  /** What the manifest says of the table: annotation `containerd.io/snapshot/stargz/toc.digest`. */
  readonly tocDigest?: string
  readonly cache?: RangeCache
  /** Ends all fetching. */
  readonly signal?: AbortSignal
}

/** Bytes `start` to `start + size` of a source. */
export interface SourcePart {
  readonly start: number
  readonly size: number
}

/** A layer read on demand. */
export interface EstargzLayer extends Layer {
  /** Fetch what is wanted first, in one request; reads of it are answered at once from then on. */
  prefetch(): Promise<void>
  /** Bytes that `prefetch` fetches. */
  readonly prefetchSize: number
  /** What that is, as parts of the source. */
  readonly first: readonly SourcePart[]
}

/** Fetched for the footer in hope that the whole table is in it, in bytes. */
const TAIL = 256 << 10
/** Least that is asked for at once, in bytes: a round trip costs more than what comes with it. */
const FETCH_MIN = 128 << 10
/** Longest table, uncompressed, in bytes. */
const TOC_MAX = 64 << 20
/** Kept in memory, in bytes: chunks as files have them, and compressed ones that came along. */
const INFLATED = 64 << 20
const COMPRESSED = 16 << 20

/**
 * Open an eStargz layer by its end.
 * @param size of the blob
 * @throws EngineError `invalid-parameter` when it is none, or its table has another digest
 */
export async function openEstargz(
  fetchRange: FetchRange,
  size: number,
  options: EstargzOptions = {},
): Promise<EstargzLayer> {
  const digest = await createDigester()
  const ranges = new Ranges(fetchRange, options)
  if (size < FOOTER_SIZE)
    throw new EngineError('invalid-parameter', 'Cannot read eStargz layer: no footer')
  for (const fresh of [false, true]) {
    try {
      const { json, tocOffset } = await readToc(ranges, size, fresh)
      if (options.tocDigest !== undefined && digest(json) !== options.tocDigest)
        throw new EngineError(
          'invalid-parameter',
          'Cannot read eStargz layer: its table has another digest',
        )
      const toc = parseToc(new TextDecoder().decode(json), tocOffset)
      const source = new EstargzSource(toc, ranges, digest)
      return {
        entries: toc.entries,
        source,
        prefetchSize: toc.prefetchSize,
        first: toc.chunks.filter(({ end }) => end <= toc.prefetchSize),
        prefetch: () => source.prefetch(),
      }
    } catch (error) {
      // What the cache kept may be damaged: once more, without it.
      if (fresh || !options.cache) throw error
    }
  }
  throw new EngineError('internal', 'unreachable')
}

async function readToc(
  ranges: Ranges,
  size: number,
  fresh: boolean,
): Promise<{ readonly json: Uint8Array; readonly tocOffset: number }> {
  const tailStart = Math.max(0, size - TAIL)
  const tail = await ranges.get(tailStart, size - tailStart, fresh)
  const tocOffset = parseFooter(tail.subarray(tail.length - FOOTER_SIZE))
  const end = size - FOOTER_SIZE
  if (tocOffset >= end)
    throw new EngineError('invalid-parameter', 'Cannot read eStargz layer: no footer')
  const compressed =
    tocOffset >= tailStart
      ? tail.subarray(tocOffset - tailStart, end - tailStart)
      : await ranges.get(tocOffset, end - tocOffset, fresh)
  const stream = gunzip(new Blob([compressed as Uint8Array<ArrayBuffer>]).stream())
  const parts: Uint8Array[] = []
  const members = readTar(piecesOf(stream), (entry, bytes) => {
    if (entry.size > TOC_MAX)
      throw new EngineError('invalid-parameter', 'Cannot read eStargz layer: its table is too long')
    if (entry.path === TOC_NAME) parts.push(bytes.slice())
  })
  for await (const member of members) if (member.path === TOC_NAME) break
  return { json: new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()), tocOffset }
}

async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const next = await reader.read()
      if (next.done) return
      yield next.value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Parts of the blob, from the cache or fetched. */
class Ranges {
  readonly #fetch: FetchRange
  readonly #cache: RangeCache | undefined
  readonly #signal: AbortSignal | undefined

  constructor(fetch: FetchRange, { cache, signal }: EstargzOptions) {
    this.#fetch = fetch
    this.#cache = cache
    this.#signal = signal
  }

  /** @param fresh not from the cache */
  async get(offset: number, length: number, fresh = false): Promise<Uint8Array> {
    const kept = fresh ? undefined : await this.#cache?.get(offset).catch(() => undefined)
    if (kept?.length === length) return kept
    const bytes = await this.#fetchTwice(offset, length)
    if (bytes.length !== length)
      throw new EngineError(
        'unavailable',
        `Cannot read layer: ${bytes.length} bytes of ${length} came`,
      )
    // A full disk only makes the next start slower.
    this.#cache?.set(offset, bytes).catch(() => undefined)
    return bytes
  }

  /** A connection that breaks once must not be an I/O error to a program. */
  async #fetchTwice(offset: number, length: number): Promise<Uint8Array> {
    try {
      return await this.#fetch(offset, length, this.#signal)
    } catch {
      this.#signal?.throwIfAborted()
      return this.#fetch(offset, length, this.#signal)
    }
  }
}

class EstargzSource implements ContentSource {
  readonly #toc: Toc
  /** The same chunks by place in the blob: neighbours are fetched together. */
  readonly #byOffset: readonly Chunk[]
  readonly #ranges: Ranges
  readonly #digest: (bytes: Uint8Array) => string
  readonly #inflated = new ByteCache(INFLATED)
  readonly #compressed = new ByteCache(COMPRESSED)
  #head: Uint8Array | undefined
  #headComing: Promise<Uint8Array> | undefined
  readonly #coming = new Map<Chunk, Promise<unknown>>()
  /** Chunks that were wrong: asked for anew, not from the cache. */
  readonly #damaged = new Set<Chunk>()

  constructor(toc: Toc, ranges: Ranges, digest: (bytes: Uint8Array) => string) {
    this.#toc = toc
    this.#byOffset = [...toc.chunks].sort((left, right) => left.offset - right.offset)
    this.#ranges = ranges
    this.#digest = digest
  }

  async prefetch(): Promise<void> {
    const { prefetchSize, chunks } = this.#toc
    if (prefetchSize === 0 || this.#head) return
    this.#headComing ??= this.#ranges.get(0, prefetchSize)
    try {
      this.#head = await this.#headComing
    } finally {
      this.#headComing = undefined
    }
    await Promise.all(chunks.map((chunk) => this.#warm(chunk)))
  }

  /** The browser inflates several times faster, beside this thread; what it can't is left to the first read. */
  async #warm(chunk: Chunk): Promise<void> {
    const compressed = this.#inHead(chunk)
    if (!compressed) return
    try {
      const member = new Blob([compressed as Uint8Array<ArrayBuffer>]).stream()
      const inflated = new Response(member.pipeThrough(new DecompressionStream('gzip')))
      this.#accept(chunk, new Uint8Array(await inflated.arrayBuffer()))
    } catch {
      // More than one member, or damaged.
    }
  }

  read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    const first = this.#find(offset)
    const parts: Uint8Array[] = []
    let got = 0
    for (let at = first; got < length; at++) {
      const chunk = this.#toc.chunks[at]
      if (!chunk) break
      const bytes = this.#ready(chunk)
      if (!bytes) return this.#later(offset, length)
      const part = bytes.subarray(Math.max(0, offset - chunk.start), offset + length - chunk.start)
      parts.push(part)
      got += part.length
    }
    return join(parts)
  }

  async #later(offset: number, length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let got = 0
    for (let at = this.#find(offset); got < length; at++) {
      const chunk = this.#toc.chunks[at]
      if (!chunk) break
      const bytes = this.#ready(chunk) ?? (await this.#fetch(chunk))
      const part = bytes.subarray(Math.max(0, offset - chunk.start), offset + length - chunk.start)
      parts.push(part)
      got += part.length
    }
    return join(parts)
  }

  /** Index of the chunk that holds `offset`. */
  #find(offset: number): number {
    const { chunks } = this.#toc
    let low = 0
    let high = chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const chunk = chunks[middle]
      if (chunk && chunk.start + chunk.size <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** A chunk's bytes when they can be had at once. */
  #ready(chunk: Chunk): Uint8Array | undefined {
    const known = this.#inflated.get(chunk.start)
    if (known) return known
    const compressed = this.#compressed.get(chunk.start) ?? this.#inHead(chunk)
    return compressed && this.#inflate(chunk, compressed)
  }

  #inHead(chunk: Chunk): Uint8Array | undefined {
    if (!this.#head || chunk.end > this.#head.length || this.#damaged.has(chunk)) return undefined
    return this.#head.subarray(chunk.offset, chunk.end)
  }

  /** @returns undefined when it isn't what the table says */
  #inflate(chunk: Chunk, compressed: Uint8Array): Uint8Array | undefined {
    this.#compressed.delete(chunk.start)
    let bytes: Uint8Array | undefined
    try {
      bytes = this.#accept(chunk, inflateMembers(compressed, chunk.inner + chunk.size))
    } catch {
      // Damaged, too.
    }
    if (!bytes) this.#damaged.add(chunk)
    return bytes
  }

  /** @returns the chunk's part of what its members hold; undefined when it isn't what the table says */
  #accept(chunk: Chunk, all: Uint8Array): Uint8Array | undefined {
    const bytes = all.subarray(chunk.inner, chunk.inner + chunk.size)
    if (bytes.length !== chunk.size || this.#digest(bytes) !== chunk.digest) return undefined
    this.#damaged.delete(chunk)
    this.#inflated.set(chunk.start, bytes)
    return bytes
  }

  async #fetch(chunk: Chunk): Promise<Uint8Array> {
    const coming = this.#headOf(chunk) ?? this.#coming.get(chunk)
    if (coming) {
      await coming.catch(() => undefined)
      return this.#ready(chunk) ?? this.#fetch(chunk)
    }
    const fresh = this.#damaged.has(chunk)
    const group = fresh ? [chunk] : this.#neighbours(chunk)
    const end = group.at(-1)?.end ?? chunk.end
    const fetching = this.#ranges.get(chunk.offset, end - chunk.offset, fresh).then((bytes) => {
      for (const { start, offset, end } of group)
        this.#compressed.set(start, bytes.subarray(offset - chunk.offset, end - chunk.offset))
      return bytes
    })
    const waiting = fetching.then(
      () => undefined,
      () => undefined,
    )
    for (const one of group) this.#coming.set(one, waiting)
    try {
      const bytes = await fetching
      const inflated =
        this.#ready(chunk) ?? this.#inflate(chunk, bytes.subarray(0, chunk.end - chunk.offset))
      if (inflated) return inflated
    } finally {
      for (const one of group) this.#coming.delete(one)
    }
    if (!fresh) return this.#fetch(chunk)
    throw new EngineError('invalid-parameter', 'Cannot read layer: a part has another digest')
  }

  /** The first part, when it is on its way and the chunk in it. */
  #headOf(chunk: Chunk): Promise<Uint8Array> | undefined {
    return chunk.end <= this.#toc.prefetchSize ? this.#headComing : undefined
  }

  /** The chunk and those behind it in the blob that aren't here yet, together at least FETCH_MIN where there are so many. */
  #neighbours(chunk: Chunk): Chunk[] {
    const group = [chunk]
    const at = this.#byOffset.indexOf(chunk)
    for (let next = at + 1; next < this.#byOffset.length; next++) {
      const other = this.#byOffset[next]
      const last = group.at(-1) ?? chunk
      if (!other || last.end - chunk.offset >= FETCH_MIN || other.offset !== last.end) break
      if (this.#inHead(other) || this.#coming.has(other) || this.#inflated.get(other.start)) break
      group.push(other)
    }
    return group
  }
}

/** One part is handed on as it is. */
function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  return only && parts.length === 1 ? only : joinBytes(parts)
}
