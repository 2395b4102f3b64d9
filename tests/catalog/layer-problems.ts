// What is wrong with an eStargz layer: nothing, or sentences.
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { readArchive, readToc, tocOffsetOf, type Entry, type TocEntry } from './archive.ts'

const TOC = 'stargz.index.json'
const typeOf: Readonly<Record<string, string>> = {
  0: 'reg',
  1: 'hardlink',
  2: 'symlink',
  3: 'char',
  4: 'block',
  5: 'dir',
  6: 'fifo',
}

/** What a manifest and a config claim about one layer. */
export interface LayerClaims {
  readonly digest: string
  readonly size: number
  readonly diffId: string
  readonly tocDigest: string | undefined
}

export const sha256 = (bytes: Buffer): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Every disagreement between a layer, what is claimed of it, its tar and its table of contents. */
export function layerProblems(blob: Buffer, claims: LayerClaims): string[] {
  const problems: string[] = []
  if (sha256(blob) !== claims.digest) problems.push('digest differs')
  if (blob.length !== claims.size) problems.push('size differs')
  try {
    const tar = gunzipSync(blob)
    if (sha256(tar) !== claims.diffId) problems.push('diff ID differs')
    const tocBytes = readToc(blob)
    if (sha256(tocBytes) !== claims.tocDigest) problems.push('TOC digest differs')
    const toc: { version: number; entries: TocEntry[] } = JSON.parse(tocBytes.toString())
    if (toc.version !== 1) problems.push('TOC version is not 1')
    const entries = readArchive(tar)
    if (entries.at(-1)?.name !== TOC) problems.push('TOC is not the last entry')
    problems.push(...tocProblems(entries.slice(0, -1), toc.entries))
    problems.push(...dataProblems(blob, entries, toc.entries), ...orderProblems(entries))
  } catch (error) {
    problems.push(`unreadable: ${String(error)}`)
  }
  return problems
}

/** Names, types and metadata: one TOC entry per tar entry, in the same order. */
function tocProblems(entries: readonly Entry[], toc: readonly TocEntry[]): string[] {
  const heads = toc.filter(({ type }) => type !== 'chunk')
  const shape = (entry: Entry): TocEntry => ({
    name: entry.name,
    type: typeOf[entry.flag] ?? entry.flag,
    size: entry.data.length,
    modtime: new Date(entry.mtime * 1000).toISOString().replace('.000Z', 'Z'),
    linkName: entry.linkName,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    devMajor: entry.devMajor,
    devMinor: entry.devMinor,
    xattrs: entry.xattrs,
    ...(entry.flag === '0' ? { digest: sha256(entry.data) } : {}),
  })
  const absent = { size: 0, linkName: '', devMajor: 0, devMinor: 0, xattrs: {} }
  const differs = entries.flatMap((entry, at) => {
    const { offset: _o, chunkSize: _s, chunkDigest: _d, ...said } = heads[at] ?? {}
    const expected = sorted(shape(entry))
    return sorted({ ...absent, ...said }) === expected ? [] : [`TOC differs at ${entry.name}`]
  })
  return heads.length === entries.length ? differs : [...differs, 'TOC has other entries']
}

const sorted = (value: object): string =>
  JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))

/** Each chunk, unpacked from its offset alone, is the part of the file that it claims to be. */
function dataProblems(blob: Buffer, entries: readonly Entry[], toc: readonly TocEntry[]): string[] {
  const files = new Map(entries.map((entry) => [entry.name, entry.data]))
  const chunks = toc.filter(({ offset }) => offset !== undefined)
  const ends = [...chunks.slice(1).map(({ offset = 0 }) => offset), tocOffsetOf(blob)]
  const covered = new Map<string, number>()
  const problems = chunks.flatMap(({ name, offset = 0, chunkDigest, ...chunk }, at) => {
    const file = files.get(name) ?? Buffer.alloc(0)
    const start = chunk.chunkOffset ?? 0
    const expected = file.subarray(start, start + (chunk.chunkSize ?? file.length))
    covered.set(name, (covered.get(name) ?? 0) + expected.length)
    const member = gunzipSync(blob.subarray(offset, ends[at])).subarray(0, expected.length)
    if (sha256(member) !== chunkDigest) return [`chunk digest differs in ${name}`]
    return member.equals(expected) ? [] : [`chunk differs in ${name}`]
  })
  const short = [...files]
    .filter(([name, data]) => name !== TOC && data.length !== (covered.get(name) ?? 0))
    .map(([name]) => `chunks do not make up ${name}`)
  return [...problems, ...short]
}

/** Names are plain and unique; a parent and a hard link's target come first. */
function orderProblems(entries: readonly Entry[]): string[] {
  const seen = new Set<string>()
  return entries.flatMap(({ name, flag, linkName }) => {
    const parent = name.slice(0, name.replace(/\/$/, '').lastIndexOf('/') + 1)
    const problems: string[] = []
    if (/^\.?\/|\/\/|(^|\/)\.\.(\/|$)/.test(name)) problems.push(`${name} is no plain name`)
    if (seen.has(name)) problems.push(`${name} occurs twice`)
    if (parent && !seen.has(parent)) problems.push(`${name} comes before its parent`)
    if (flag === '1' && !seen.has(linkName)) problems.push(`${name} comes before ${linkName}`)
    seen.add(name)
    return problems
  })
}
