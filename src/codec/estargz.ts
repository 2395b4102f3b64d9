import { EngineError } from '../core/error.ts'
import type { LayerEntry } from '../core/layer.ts'
import { cleanPath } from './tar/read.ts'

/** eStargz v1 (stargz-snapshotter docs/estargz.md): a gzip in which each chunk of a file starts a member. */
export const FOOTER_SIZE = 51
export const TOC_NAME = 'stargz.index.json'
const LANDMARK = '.prefetch.landmark'

/** A piece of a file: bytes `start` to `start + size` of the layer's source. */
export interface Chunk {
  /** Where it is in the source: files stand one after the other there, in the order of the table. */
  readonly start: number
  readonly size: number
  /** Its members in the blob, `offset` to `end`; what follows the chunk in there is of no use. */
  readonly offset: number
  readonly end: number
  /** Bytes to skip in what the members hold. */
  readonly inner: number
  readonly digest: string
}

export interface Toc {
  readonly entries: readonly LayerEntry[]
  /** By `start`. */
  readonly chunks: readonly Chunk[]
  /** Length of the part that is wanted first; 0 when the layer doesn't say. */
  readonly prefetchSize: number
}

const invalid = (detail: string): EngineError =>
  new EngineError('invalid-parameter', `Cannot read eStargz layer: ${detail}`)

/** Offset of the table's member in the blob: hex digits in the extra field `SG` of an empty gzip member. */
export function parseFooter(footer: Uint8Array): number {
  const text = String.fromCharCode(...footer)
  const digits = /^([0-9a-f]{16})STARGZ$/.exec(text.slice(16, 38))?.[1]
  const isGzip = text.startsWith('\x1f\x8b\b\x04') && text.slice(10, 16) === '\x1a\0SG\x16\0'
  const offset = digits !== undefined && isGzip ? Number.parseInt(digits, 16) : Number.NaN
  if (footer.length !== FOOTER_SIZE || !Number.isSafeInteger(offset)) throw invalid('no footer')
  return offset
}

const kindOf: Readonly<Record<string, LayerEntry['kind']>> = {
  dir: 'directory',
  reg: 'file',
  symlink: 'symlink',
  hardlink: 'hardlink',
  char: 'character',
  block: 'block',
  fifo: 'fifo',
}

type Item = Readonly<Record<string, unknown>>

/** A piece whose end isn't known until all offsets are. */
interface OpenChunk extends Omit<Chunk, 'end'> {
  end: number
}

/** @param tocOffset where the table's member starts: no chunk reaches beyond */
export function parseToc(json: string, tocOffset: number): Toc {
  const items = parseItems(json)
  const entries: LayerEntry[] = []
  const chunks: OpenChunk[] = []
  let prefetchSize = 0
  let start = 0
  for (let at = 0; at < items.length; at++) {
    const item = items[at] ?? {}
    if (item['type'] === 'chunk') throw invalid('a chunk belongs to no file')
    const entry = toEntry(item, start)
    const pieces = [item]
    while (items[at + 1]?.['type'] === 'chunk') pieces.push(items[++at] ?? {})
    if (entry.kind === 'file' && entry.size > 0)
      chunks.push(...chunksOf(pieces, entry.size, start, tocOffset))
    if (entry.path === LANDMARK) prefetchSize = number(item, 'offset')
    entries.push(entry)
    start += entry.size
  }
  closeChunks(chunks, tocOffset)
  return { entries, chunks, prefetchSize: Math.min(prefetchSize, tocOffset) }
}

function parseItems(json: string): readonly Item[] {
  let table: unknown
  try {
    table = JSON.parse(json)
  } catch {
    throw invalid('its table is not JSON')
  }
  const { version, entries } = (table ?? {}) as { version?: unknown; entries?: unknown }
  if (version !== 1 || !Array.isArray(entries)) throw invalid('its table is of another version')
  if (!entries.every((entry) => typeof entry === 'object' && entry !== null))
    throw invalid('its table has a strange entry')
  return entries as readonly Item[]
}

function number(item: Item, key: string): number {
  const value = item[key] ?? 0
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw invalid(`${key} of ${JSON.stringify(item['name'])} is no number`)
  return value
}

function text(item: Item, key: string): string {
  const value = item[key] ?? ''
  if (typeof value !== 'string')
    throw invalid(`${key} of ${JSON.stringify(item['name'])} is no text`)
  return value
}

function toEntry(item: Item, offset: number): LayerEntry {
  const kind = kindOf[text(item, 'type')]
  if (!kind) throw invalid(`type ${text(item, 'type')} is unknown`)
  const modified = Date.parse(text(item, 'modtime'))
  const link = text(item, 'linkName')
  const xattrs = item['xattrs'] as Readonly<Record<string, string>> | undefined
  return {
    path: cleanPath(text(item, 'name')),
    kind,
    mode: number(item, 'mode') & 0o7777,
    uid: number(item, 'uid'),
    gid: number(item, 'gid'),
    mtime: Number.isNaN(modified) ? 0 : modified / 1000,
    size: kind === 'file' ? number(item, 'size') : 0,
    offset,
    ...(kind === 'symlink' ? { target: link } : {}),
    ...(kind === 'hardlink' ? { target: cleanPath(link) } : {}),
    ...(kind === 'character' || kind === 'block'
      ? { major: number(item, 'devMajor'), minor: number(item, 'devMinor') }
      : {}),
    ...(xattrs
      ? {
          xattrs: Object.fromEntries(
            Object.entries(xattrs).map(([key, value]) => [key, fromBase64(value)]),
          ),
        }
      : {}),
  }
}

function fromBase64(value: unknown): Uint8Array {
  try {
    return Uint8Array.from(atob(String(value)), (character) => character.charCodeAt(0))
  } catch {
    throw invalid('an xattr is not base64')
  }
}

/** A file's chunks; together they must be the whole of it. */
function chunksOf(
  pieces: readonly Item[],
  size: number,
  start: number,
  tocOffset: number,
): OpenChunk[] {
  let next = 0
  const chunks = pieces.map((piece) => {
    const from = number(piece, 'chunkOffset')
    const length = number(piece, 'chunkSize') || size - from
    const offset = number(piece, 'offset')
    if (from !== next || length <= 0 || offset >= tocOffset)
      throw invalid(`the chunks of ${JSON.stringify(piece['name'])} are not its content`)
    next = from + length
    return {
      start: start + from,
      size: length,
      offset,
      end: tocOffset,
      inner: number(piece, 'innerOffset'),
      digest: text(piece, 'chunkDigest') || (pieces.length === 1 ? text(piece, 'digest') : ''),
    }
  })
  if (next !== size)
    throw invalid(`the chunks of ${JSON.stringify(pieces[0]?.['name'])} are not its content`)
  return chunks
}

/** A chunk's members end where those of another begin. */
function closeChunks(chunks: readonly OpenChunk[], tocOffset: number): void {
  const byOffset = [...chunks].sort((left, right) => left.offset - right.offset)
  let end = tocOffset
  for (let at = byOffset.length - 1; at >= 0; at--) {
    const chunk = byOffset[at]
    if (!chunk) continue
    const next = byOffset[at + 1]
    if (next && next.offset > chunk.offset) end = next.offset
    chunk.end = end
  }
}
