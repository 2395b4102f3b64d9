// eStargz layers (stargz-snapshotter, docs/estargz.md): a gzip of a tar in which every chunk of
// every file is a gzip member of its own, ended by a table of contents and a 51-byte footer.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  const members = new Members()
  const toc = []
  for (const entry of order(entries, prioritized)) {
    members.write(tarHeader(entry))
    const item = tocEntry(entry)
    toc.push(item)
    if (entry.type === 'reg') addChunks(members, entry, item, toc)
  }
  members.end()
  const parts = gzip(members.all)
  const offsets = startsOf(parts)
  for (const item of toc) if (item.offset !== undefined) item.offset = offsets[item.offset]
  const tocOffset = offsets[parts.length]
  // JSON with one entry a line: stable, and readable when a digest differs.
  const json = Buffer.from(
    `{"version":1,"entries":[\n${toc.map((item) => JSON.stringify(item)).join(',\n')}\n]}\n`,
  )
  const tocFile = { name: 'stargz.index.json', type: 'reg', mode: 0o444, uid: 0, gid: 0, mtime: 0 }
  const end = Buffer.alloc(1024) // two zero blocks end the archive
  const last = [tarHeader({ ...tocFile, data: json }), json, padding(json.length), end]
  const tocMember = Buffer.concat(last)
  const blob = Buffer.concat([...parts, ...gzip([tocMember]), footer(tocOffset)])
  const diff = createHash('sha256')
  for (const member of [...members.all, tocMember]) diff.update(member)
  return {
    blob,
    digest: sha256(blob),
    diffId: `sha256:${diff.digest('hex')}`,
    tocDigest: sha256(json),
    prefetchSize: toc.find(({ name }) => name === '.prefetch.landmark')?.offset ?? 0,
  }
}

/** `item.offset` is the member's number here; its place is known once all are compressed. */
function addChunks(members, entry, item, toc) {
  const { data } = entry
  item.digest = sha256(data)
  if (!data.length) return
  let part = item
  for (let at = 0; at < data.length; at += CHUNK_SIZE) {
    const chunk = data.subarray(at, at + CHUNK_SIZE)
    if (at > 0) toc.push((part = { name: entry.name, type: 'chunk' }))
    members.end()
    part.offset = members.all.length
    if (at > 0) part.chunkOffset = at
    if (at + chunk.length < data.length) part.chunkSize = chunk.length
    part.chunkDigest = sha256(chunk)
    members.write(chunk)
  }
  members.write(padding(data.length))
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
  for (const name of [...byName.keys()].sort((a, b) => (a < b ? -1 : 1))) pick(name)
  return [...head, ...[...picked].slice(head.length - 1)]
}

/** What each gzip member is to hold, uncompressed. */
class Members {
  all = []
  #pending = []

  write(bytes) {
    this.#pending.push(bytes)
  }

  end() {
    const member = Buffer.concat(this.#pending)
    this.#pending = []
    if (member.length) this.all.push(member)
  }
}

/**
 * One gzip member for each buffer: by libdeflate, 6 % smaller than zlib's level 9 and the same
 * bytes on every CPU; its header has neither name nor time.
 */
function gzip(buffers) {
  const folder = mkdtempSync(join(tmpdir(), 'members-'))
  try {
    const names = buffers.map((_, at) => String(at))
    for (const [at, bytes] of buffers.entries()) writeFileSync(join(folder, names[at]), bytes)
    execFileSync('libdeflate-gzip', ['-12', ...names], { cwd: folder })
    return names.map((name) => readFileSync(join(folder, `${name}.gz`)))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Where each buffer starts in their concatenation, and where that ends. */
function startsOf(buffers) {
  const starts = [0]
  for (const { length } of buffers) starts.push(starts.at(-1) + length)
  return starts
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
