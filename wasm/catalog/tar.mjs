// Tar archives as lists of entries: POSIX pax interchange format (POSIX.1-2017, pax, "ustar
// Interchange Format" and "pax Extended Header"), with GNU tar's and Go's SCHILY.xattr records.

const BLOCK = 512
const LIMIT_OCTAL_11 = 0o77777777777
const LIMIT_OCTAL_7 = 0o7777777

/**
 * @typedef {object} TarEntry
 * @property {string} name path without a leading `./` or `/`; directories end with `/`
 * @property {'reg'|'dir'|'symlink'|'hardlink'|'char'|'block'|'fifo'} type
 * @property {number} mode permission, setuid, setgid and sticky bits
 * @property {number} uid
 * @property {number} gid
 * @property {number} mtime seconds since 1970, whole
 * @property {string} [linkName] target of symlinks (verbatim) and hard links (an entry's name)
 * @property {number} [devMajor]
 * @property {number} [devMinor]
 * @property {Map<string, Buffer>} [xattrs]
 * @property {Buffer} [data] contents of a `reg`
 */

const flagOf = { reg: '0', hardlink: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' }
const typeOf = Object.fromEntries(Object.entries(flagOf).map(([type, flag]) => [flag, type]))

/** Zeros that fill `size` bytes up to a whole block. */
export const padding = (size) => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)

/** The header blocks of one entry, a pax header before them where ustar cannot say it. */
export function tarHeader(entry) {
  const pax = []
  const name = Buffer.from(entry.name)
  const link = Buffer.from(entry.linkName ?? '')
  const size = entry.data?.length ?? 0
  let prefix = ''
  let base = entry.name
  if (name.length > 100 || name.length !== entry.name.length) {
    const split = splitName(entry.name)
    if (split && name.length === entry.name.length) [prefix, base] = split
    else pax.push(['path', name])
  }
  if (link.length > 100 || link.length !== (entry.linkName ?? '').length)
    pax.push(['linkpath', link])
  for (const [key, value] of [...(entry.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)))
    pax.push([`SCHILY.xattr.${key}`, value])
  if (size > LIMIT_OCTAL_11 || entry.uid > LIMIT_OCTAL_7 || entry.gid > LIMIT_OCTAL_7)
    throw new Error(`Cannot write ${entry.name}: size or owner beyond ustar`)
  const main = ustar({ ...entry, base, prefix, size, flag: flagOf[entry.type] })
  if (!pax.length) return main
  const records = Buffer.concat(pax.map(([key, value]) => paxRecord(key, value)))
  const head = ustar({
    base: `PaxHeaders.0/${entry.name.replace(/\/$/, '').split('/').pop()}`,
    prefix: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    size: records.length,
    flag: 'x',
  })
  return Buffer.concat([head, records, padding(records.length), main])
}

function splitName(name) {
  // The prefix ends at a slash; prefix ≤ 155, name ≤ 100 bytes and not empty.
  const cut = name.lastIndexOf('/', Math.min(155, name.length - 2))
  if (cut <= 0 || name.length - cut - 1 > 100) return undefined
  return [name.slice(0, cut), name.slice(cut + 1)]
}

function paxRecord(key, value) {
  // "%d %s=%s\n": the length counts its own digits.
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length++
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function ustar(fields) {
  const block = Buffer.alloc(BLOCK)
  const text = (value, at, length) => Buffer.from(value).copy(block, at, 0, length)
  const octal = (value, at, length) =>
    text(`${value.toString(8).padStart(length - 1, '0')}\0`, at, length)
  text(fields.base, 0, 100)
  octal(fields.mode, 100, 8)
  octal(fields.uid, 108, 8)
  octal(fields.gid, 116, 8)
  octal(fields.size, 124, 12)
  octal(fields.mtime, 136, 12)
  text(' '.repeat(8), 148, 8)
  text(fields.flag, 156, 1)
  text(fields.linkName ?? '', 157, 100)
  text('ustar\x0000', 257, 8)
  octal(fields.devMajor ?? 0, 329, 8)
  octal(fields.devMinor ?? 0, 337, 8)
  text(fields.prefix, 345, 155)
  text(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    8,
  )
  return block
}

/**
 * All entries of an archive in memory: ustar, pax and GNU long names.
 * @param {Buffer} archive
 * @returns {TarEntry[]}
 */
export function readTar(archive) {
  const entries = []
  let pax = new Map()
  let longName
  let longLink
  for (let at = 0; at + BLOCK <= archive.length;) {
    const block = archive.subarray(at, at + BLOCK)
    at += BLOCK
    if (block.every((byte) => byte === 0)) continue
    const header = readHeader(block)
    const paxSize = pax.get('size')
    const size = paxSize ? Number(paxSize.toString()) : header.size
    const data = archive.subarray(at, at + size)
    if (data.length !== size) throw new Error(`Cannot read tar: ${header.name} is truncated`)
    at += Math.ceil(size / BLOCK) * BLOCK
    if (header.flag === 'x') pax = readPax(data)
    else if (header.flag === 'L') longName = cString(data)
    else if (header.flag === 'K') longLink = cString(data)
    else if (header.flag !== 'g') {
      entries.push(toEntry(header, data, pax, longName, longLink))
      pax = new Map()
      longName = longLink = undefined
    }
  }
  return entries
}

function readHeader(block) {
  const text = (from, to) => cString(block.subarray(from, to))
  const number = (from, to) => Number.parseInt(text(from, to).trim() || '0', 8)
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  if (sum !== number(148, 156)) throw new Error('Cannot read tar: wrong header checksum')
  const prefix = text(257, 262) === 'ustar' && block[263] !== 0x20 ? text(345, 500) : ''
  return {
    name: prefix ? `${prefix}/${text(0, 100)}` : text(0, 100),
    mode: number(100, 108) & 0o7777,
    uid: number(108, 116),
    gid: number(116, 124),
    size: number(124, 136),
    mtime: number(136, 148),
    flag: text(156, 157) || '0',
    linkName: text(157, 257),
    devMajor: number(329, 337),
    devMinor: number(337, 345),
  }
}

function toEntry(header, data, pax, longName, longLink) {
  const type = typeOf[header.flag]
  if (!type) throw new Error(`Cannot read tar: ${header.name} has type ${header.flag}`)
  const name = plainName(pax.get('path')?.toString() ?? longName ?? header.name)
  const entry = {
    name: type === 'dir' && name !== '' ? `${name}/` : name,
    type,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    mtime: Math.floor(Number(pax.get('mtime')?.toString() ?? header.mtime)),
  }
  const link = pax.get('linkpath')?.toString() ?? longLink ?? header.linkName
  if (type === 'symlink') entry.linkName = link
  if (type === 'hardlink') entry.linkName = plainName(link)
  if (type === 'char' || type === 'block')
    Object.assign(entry, { devMajor: header.devMajor, devMinor: header.devMinor })
  if (type === 'reg') entry.data = data
  const xattrs = [...pax].filter(([key]) => key.startsWith('SCHILY.xattr.'))
  if (xattrs.length)
    entry.xattrs = new Map(xattrs.map(([key, value]) => [key.slice('SCHILY.xattr.'.length), value]))
  return entry
}

function readPax(data) {
  const records = new Map()
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at)
    const length = Number(data.subarray(at, space).toString())
    const equals = data.indexOf(0x3d, space)
    if (!(length > 0) || equals < 0) throw new Error('Cannot read tar: malformed pax record')
    records.set(
      data.subarray(space + 1, equals).toString(),
      data.subarray(equals + 1, at + length - 1),
    )
    at += length
  }
  return records
}

const cString = (bytes) => {
  const end = bytes.indexOf(0)
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString()
}

const plainName = (name) =>
  name
    .replace(/^(\.?\/)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '')
