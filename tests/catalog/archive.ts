// A reader of tar and eStargz of its own, so that the builder is not its own judge.
import { gunzipSync } from 'node:zlib'

/** One tar entry; `flag` is the ustar typeflag. */
export interface Entry {
  readonly name: string
  readonly flag: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly linkName: string
  readonly devMajor: number
  readonly devMinor: number
  readonly xattrs: Readonly<Record<string, string>>
  readonly data: Buffer
}

/** An entry of stargz.index.json (stargz-snapshotter docs/estargz.md, TOCEntry). */
export interface TocEntry {
  readonly name: string
  readonly type: string
  readonly size?: number
  readonly modtime?: string
  readonly linkName?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly devMajor?: number
  readonly devMinor?: number
  readonly xattrs?: Readonly<Record<string, string>>
  readonly offset?: number
  readonly chunkOffset?: number
  readonly chunkSize?: number
  readonly digest?: string
  readonly chunkDigest?: string
}

/** Entries of an uncompressed archive, pax records applied (POSIX.1-2017 pax). */
export function readArchive(archive: Buffer): Entry[] {
  const entries: Entry[] = []
  let pax = new Map<string, Buffer>()
  let at = 0
  while (archive[at] !== 0) {
    const block = archive.subarray(at, at + 512)
    const size = octal(block, 124, 12)
    const data = archive.subarray(at + 512, at + 512 + size)
    at += 512 + Math.ceil(size / 512) * 512
    const flag = text(block, 156, 1)
    if (flag === 'x') {
      pax = paxRecords(data)
      continue
    }
    const prefix = text(block, 345, 155)
    const short = text(block, 0, 100)
    entries.push({
      name: pax.get('path')?.toString() ?? (prefix ? `${prefix}/${short}` : short),
      flag,
      mode: octal(block, 100, 8),
      uid: octal(block, 108, 8),
      gid: octal(block, 116, 8),
      mtime: octal(block, 136, 12),
      linkName: pax.get('linkpath')?.toString() ?? text(block, 157, 100),
      devMajor: octal(block, 329, 8),
      devMinor: octal(block, 337, 8),
      xattrs: Object.fromEntries(
        [...pax]
          .filter(([key]) => key.startsWith('SCHILY.xattr.'))
          .map(([key, value]) => [key.slice(13), value.toString('base64')]),
      ),
      data,
    })
    pax = new Map()
  }
  return entries
}

function paxRecords(data: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>()
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(' ', at)
    const end = at + Number(data.subarray(at, space).toString())
    const equals = data.indexOf('=', space)
    records.set(data.subarray(space + 1, equals).toString(), data.subarray(equals + 1, end - 1))
    at = end
  }
  return records
}

const text = (block: Buffer, at: number, length: number): string => {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return field.subarray(0, end < 0 ? length : end).toString()
}
const octal = (block: Buffer, at: number, length: number): number =>
  Number.parseInt(text(block, at, length) || '0', 8)

/** Offset of the table of contents, from the 51-byte footer. */
export function tocOffsetOf(blob: Buffer): number {
  const footer = blob.subarray(-51)
  const extra = /^([0-9a-f]{16})STARGZ$/.exec(footer.subarray(16, 38).toString())
  const ends = footer.subarray(38).equals(Buffer.from([1, 0, 0, 255, 255, ...Buffer.alloc(8)]))
  const starts = footer.subarray(0, 4).equals(Buffer.from([0x1f, 0x8b, 8, 4]))
  const field = footer.subarray(10, 16).equals(Buffer.from([26, 0, 0x53, 0x47, 22, 0]))
  if (!extra?.[1] || !ends || !starts || !field) throw new Error('No eStargz footer')
  return Number.parseInt(extra[1], 16)
}

/** The bytes of stargz.index.json, read through the footer alone. */
export function readToc(blob: Buffer): Buffer {
  const [entry] = readArchive(gunzipSync(blob.subarray(tocOffsetOf(blob), -51)))
  if (entry?.name !== 'stargz.index.json') throw new Error('No stargz.index.json at its offset')
  return entry.data
}
