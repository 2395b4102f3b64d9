// eStargz layers (stargz-snapshotter, docs/estargz.md): a gzip of a tar in which every chunk of
// every file is a gzip member of its own, ended by a table of contents and a 51-byte footer.

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { deflateSync } from 'fflate'
import { padding, tarHeader } from './tar.mjs'

/** Largest piece of a file that one gzip member holds, in bytes. */
export const CHUNK_SIZE = 4 << 20
const LANDMARK = Buffer.from([0x0f])

export const sha256 = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/**
 * Build one layer.
 * @param {import('./tar.mjs').TarEntry[]} entries each name once; order does not matter
 * @param {string[]} prioritized names (without trailing `/`) to put before the landmark, in order
 * @returns {{blob: Buffer, digest: string, diffId: string, tocDigest: string, prefetchSize: number}}
 *   `prefetchSize`: length of the part before `.prefetch.landmark`, 0 when there is none
 */
export function buildLayer(entries, prioritized = []) {
  const writer = new MemberWriter()
  const toc = []
  let prefetchSize = 0
  for (const entry of order(entries, prioritized)) {
    writer.write(tarHeader(entry))
    const item = tocEntry(entry)
    toc.push(item)
    if (entry.type !== 'reg') continue
    item.digest = sha256(entry.data)
    writeChunks(writer, entry, item, toc)
    if (entry.name === '.prefetch.landmark') prefetchSize = item.offset
  }
  writer.endMember()
  const tocOffset = writer.length
  // JSON with one entry a line: stable, and readable when a digest differs.
  const json = Buffer.from(
    `{"version":1,"entries":[\n${toc.map((item) => JSON.stringify(item)).join(',\n')}\n]}\n`,
  )
  const tocFile = { name: 'stargz.index.json', type: 'reg', mode: 0o444, uid: 0, gid: 0, mtime: 0 }
  writer.write(tarHeader({ ...tocFile, data: json }), json, padding(json.length))
  writer.write(Buffer.alloc(1024)) // two zero blocks end the archive
  writer.endMember()
  const blob = Buffer.concat([...writer.members, footer(tocOffset)])
  return {
    blob,
    digest: sha256(blob),
    diffId: `sha256:${writer.diffHash.digest('hex')}`,
    tocDigest: sha256(json),
    prefetchSize,
  }
}

function writeChunks(writer, entry, item, toc) {
  const { data } = entry
  if (!data.length) return
  let part = item
  for (let at = 0; at < data.length; at += CHUNK_SIZE) {
    const chunk = data.subarray(at, at + CHUNK_SIZE)
    if (at > 0) toc.push((part = { name: entry.name, type: 'chunk' }))
    writer.endMember()
    part.offset = writer.length
    if (at > 0) part.chunkOffset = at
    if (at + chunk.length < data.length) part.chunkSize = chunk.length
    part.chunkDigest = sha256(chunk)
    writer.write(chunk)
  }
  writer.write(padding(data.length))
}

function tocEntry(entry) {
  const item = { name: entry.name, type: entry.type }
  if (entry.type === 'reg' && entry.data.length) item.size = entry.data.length
  item.modtime = new Date(entry.mtime * 1000).toISOString().replace('.000Z', 'Z')
  if (entry.linkName !== undefined) item.linkName = entry.linkName
  item.mode = entry.mode
  item.uid = entry.uid
  item.gid = entry.gid
  if (entry.devMajor !== undefined)
    Object.assign(item, { devMajor: entry.devMajor, devMinor: entry.devMinor })
  if (entry.xattrs?.size)
    item.xattrs = Object.fromEntries(
      [...entry.xattrs].map(([key, value]) => [key, value.toString('base64')]),
    )
  return item
}

/** Prioritized files with their parents and link targets, the landmark, then all others by name. */
function order(entries, prioritized) {
  const byName = new Map(entries.map((entry) => [entry.name.replace(/\/$/, ''), entry]))
  if (byName.size !== entries.length) throw new Error('Cannot build layer: a name occurs twice')
  const picked = new Set()
  const pick = (name) => {
    const entry = byName.get(name)
    if (name.includes('/')) pick(name.slice(0, name.lastIndexOf('/')))
    if (!entry || picked.has(entry)) return
    if (entry.type === 'hardlink') pick(entry.linkName)
    picked.add(entry)
  }
  for (const name of prioritized) pick(name)
  const first = picked.size ? '.prefetch.landmark' : '.no.prefetch.landmark'
  const landmark = { name: first, type: 'reg', mode: 0o444, uid: 0, gid: 0, mtime: 0 }
  const head = [...picked, { ...landmark, data: LANDMARK }]
  // A hard link's target must come before it, so targets are picked as they are met.
  for (const name of [...byName.keys()].sort()) pick(name)
  return [...head, ...[...picked].slice(head.length - 1)]
}

class MemberWriter {
  members = []
  length = 0
  diffHash = createHash('sha256')
  #pending = []

  write(...buffers) {
    for (const bytes of buffers) {
      this.diffHash.update(bytes)
      this.#pending.push(bytes)
    }
  }

  endMember() {
    const data = Buffer.concat(this.#pending)
    this.#pending = []
    if (!data.length) return
    const member = gzipMember(data)
    this.members.push(member)
    this.length += member.length
  }
}

// fflate, not zlib: its bytes depend on its (pinned) version alone, zlib's on the CPU and the Node.
function gzipMember(data) {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff])
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(data), 0)
  trailer.writeUInt32LE(data.length, 4)
  return Buffer.concat([header, deflateSync(data, { level: 9, mem: 12 }), trailer])
}

function footer(tocOffset) {
  const text = `${tocOffset.toString(16).padStart(16, '0')}STARGZ`
  return Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff]),
    Buffer.from([26, 0, 0x53, 0x47, 22, 0]),
    Buffer.from(text),
    Buffer.from([1, 0, 0, 0xff, 0xff]),
    Buffer.alloc(8),
  ])
}
