import type { LayerEntry } from '../../core/layer.ts'
import { decodeName } from '../name-bytes.ts'
import { ByteBlocks } from './blocks.ts'
import { BLOCK, invalid, kindOf, paddingOf, parseHeader, type RawHeader } from './header.ts'
import { parsePax, type PaxRecords } from './pax.ts'

/** Longest extended header or long name, in bytes; Go's reader has the same bound (archive/tar maxSpecialFileSize). */
const META_MAX = 1 << 20
/** Linux's PATH_MAX, without the final zero. */
const PATH_MAX = 4095
const ENTRIES_MAX = 2_000_000

/** Called with a file's content as it comes, in order; the bytes are valid during the call only. */
export type OnContent = (entry: LayerEntry, bytes: Uint8Array) => void | Promise<void>

/**
 * Members of a tar archive: ustar, GNU long names, pax with xattrs, base-256 numbers. A member is yielded after its
 * content has passed; `offset` counts from the archive's start. All of `chunks` is read, past the archive's end too.
 * @throws EngineError `invalid-parameter` when the archive is truncated, damaged, or has sparse files
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
  onContent?: OnContent,
): AsyncGenerator<LayerEntry, void, undefined> {
  const blocks = new ByteBlocks(chunks)
  let longName: string | undefined
  let longTarget: string | undefined
  let pax: PaxRecords | undefined
  let count = 0
  let whole = false
  try {
    for (;;) {
      const block = await blocks.take(BLOCK)
      if (block.length > 0 && block.length < BLOCK) throw invalid('unexpected EOF')
      const header = block.length === 0 ? undefined : parseHeader(block)
      if (!header) {
        if (pax || longName !== undefined || longTarget !== undefined)
          throw invalid('unexpected EOF')
        break
      }
      if ('xgLK'.includes(header.flag)) {
        const data = await meta(blocks, header.size)
        if (header.flag === 'x') pax = parsePax(data)
        else if (header.flag === 'L') longName = upToZero(data)
        else if (header.flag === 'K') longTarget = upToZero(data)
        // `g` is for all members after it; Docker ignores it (moby pkg/archive, TypeXGlobalHeader).
        continue
      }
      if (++count > ENTRIES_MAX) throw invalid(`over ${ENTRIES_MAX} members`)
      const entry = toEntry(header, pax, longName, longTarget, blocks.position)
      pax = longName = longTarget = undefined
      if (entry.size > 0) {
        await blocks.pass(entry.size, onContent && ((bytes) => onContent(entry, bytes)))
        // Some writers leave out what pads the last member; Go takes that, too.
        await blocks.take(paddingOf(entry.size))
      }
      yield entry
    }
    await blocks.drain()
    whole = true
  } finally {
    if (!whole) await blocks.close()
  }
}

async function meta(blocks: ByteBlocks, size: number): Promise<Uint8Array> {
  if (size < 0 || size > META_MAX) throw invalid('invalid tar header')
  const data = (await blocks.take(size)).slice()
  if (data.length < size) throw invalid('unexpected EOF')
  await blocks.take(paddingOf(size))
  return data
}

function upToZero(data: Uint8Array): string {
  const end = data.indexOf(0)
  return decodeName(end < 0 ? data : data.subarray(0, end))
}

function toEntry(
  header: RawHeader,
  pax: PaxRecords | undefined,
  longName: string | undefined,
  longTarget: string | undefined,
  offset: number,
): LayerEntry {
  if (header.flag === 'S') throw invalid('sparse files are not supported')
  const name = pax?.path ?? longName ?? header.name
  // Before POSIX a directory was a file whose name ends in a slash.
  const old = header.flag === '\0' && name.endsWith('/')
  const kind = old ? 'directory' : kindOf[header.flag]
  if (!kind) throw invalid(`unhandled tar header type ${header.flag.charCodeAt(0)}`)
  const size = kind === 'file' ? (pax?.size ?? header.size) : 0
  if (size < 0) throw invalid('invalid tar header')
  const target = pax?.linkpath ?? longTarget ?? header.target
  const isLink = kind === 'hardlink' || kind === 'symlink'
  const isDevice = kind === 'character' || kind === 'block'
  const xattrs = pax?.xattrs
  return {
    path: cleanPath(name),
    kind,
    mode: header.mode,
    uid: uint32(pax?.uid ?? header.uid),
    gid: uint32(pax?.gid ?? header.gid),
    mtime: pax?.mtime ?? header.mtime,
    size,
    offset,
    ...(isLink ? { target: kind === 'hardlink' ? cleanPath(target) : checkTarget(target) } : {}),
    ...(isDevice ? { major: header.major, minor: header.minor } : {}),
    ...(xattrs && Object.keys(xattrs).length > 0 ? { xattrs } : {}),
  }
}

function uint32(value: number): number {
  if (value >= 2 ** 32) throw invalid('invalid tar header')
  return value
}

function checkTarget(target: string): string {
  if (target === '' || target.length > PATH_MAX) throw invalid('invalid tar header')
  return target
}

/**
 * A member's path as layers have it.
 * @throws EngineError when it leads outside, or is too long
 */
export function cleanPath(name: string): string {
  if (name.length > PATH_MAX) throw invalid('a name is too long')
  const parts: string[] = []
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') {
      parts.push(part)
    } else if (parts.pop() === undefined && !name.startsWith('/')) {
      throw invalid(`${JSON.stringify(name)} is outside of the archive`)
    }
  }
  return parts.join('/')
}
