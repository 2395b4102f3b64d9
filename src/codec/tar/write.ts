import type { LayerEntry } from '../../core/layer.ts'
import { encodeName } from '../name-bytes.ts'
import { BLOCK, paddingOf } from './header.ts'
import { joinBytes } from '../join-bytes.ts'

/** What a member needs: an entry without its place. A directory's path has no trailing slash here. */
export type TarMember = Omit<LayerEntry, 'offset'>

const flagOf: Readonly<Record<LayerEntry['kind'], string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

/** Highest value of an octal field of `digits` digits. */
const octalMax = (digits: number): number => 8 ** digits - 1
const encoder = new TextEncoder()

/**
 * Builds a tar archive piece by piece; the same members give the same bytes. For each member send `header`, the
 * content of exactly `size` bytes and `padding`; at the end send `end`.
 */
export class TarWriter {
  /** The blocks before a member's content: a pax header where ustar can't tell all, then the ustar header. */
  header(member: TarMember): Uint8Array {
    const path = encodeName(member.kind === 'directory' ? `${member.path || '.'}/` : member.path)
    const target = encodeName(member.target ?? '')
    const seconds = Math.floor(member.mtime)
    const records: Uint8Array[] = []
    if (path.length > 100 || path.some((byte) => byte >= 0x80)) records.push(record('path', path))
    if (target.length > 100 || target.some((byte) => byte >= 0x80))
      records.push(record('linkpath', target))
    if (member.size > octalMax(11)) records.push(record('size', encoder.encode(`${member.size}`)))
    if (member.uid > octalMax(7)) records.push(record('uid', encoder.encode(`${member.uid}`)))
    if (member.gid > octalMax(7)) records.push(record('gid', encoder.encode(`${member.gid}`)))
    if (seconds !== member.mtime || seconds < 0 || seconds > octalMax(11))
      records.push(record('mtime', encoder.encode(decimal(member.mtime))))
    // Sorted: the order of an object's keys is no part of what it says.
    for (const [name, value] of Object.entries(member.xattrs ?? {}).sort(byName))
      records.push(record(`SCHILY.xattr.${name}`, value))
    const block = ustar(member, path, target, flagOf[member.kind])
    if (records.length === 0) return block
    const data = joinBytes(records)
    const pax = ustar(
      { mode: 0o644, uid: 0, gid: 0, mtime: 0, size: data.length },
      encoder.encode('PaxHeader'),
      new Uint8Array(),
      'x',
    )
    return joinBytes([pax, data, new Uint8Array(paddingOf(data.length)), block])
  }

  /** Zeros after a content of `size` bytes. */
  padding(size: number): Uint8Array {
    return new Uint8Array(paddingOf(size))
  }

  end(): Uint8Array {
    return new Uint8Array(2 * BLOCK)
  }
}

const byName = ([left]: [string, unknown], [right]: [string, unknown]): number =>
  left < right ? -1 : left > right ? 1 : 0

type Numbers = Pick<TarMember, 'mode' | 'uid' | 'gid' | 'mtime' | 'size' | 'major' | 'minor'>

function ustar(numbers: Numbers, path: Uint8Array, target: Uint8Array, flag: string): Uint8Array {
  const block = new Uint8Array(BLOCK)
  block.set(path.subarray(0, 100), 0)
  octal(block, 100, 7, numbers.mode)
  octal(block, 108, 7, numbers.uid)
  octal(block, 116, 7, numbers.gid)
  octal(block, 124, 11, numbers.size)
  octal(block, 136, 11, Math.max(0, Math.floor(numbers.mtime)))
  block[156] = flag.charCodeAt(0)
  block.set(target.subarray(0, 100), 157)
  block.set(encoder.encode('ustar\x0000'), 257)
  octal(block, 329, 7, numbers.major ?? 0)
  octal(block, 337, 7, numbers.minor ?? 0)
  block.fill(0x20, 148, 156)
  octal(
    block,
    148,
    6,
    block.reduce((sum, byte) => sum + byte, 0),
  )
  return block
}

/** What doesn't fit stands in the pax header; 0 here. */
function octal(block: Uint8Array, at: number, digits: number, value: number): void {
  const fits = value <= octalMax(digits) ? value : 0
  block.set(encoder.encode(`${fits.toString(8).padStart(digits, '0')}\0`), at)
}

/** Seconds as pax has them: never in exponent form, at most nanoseconds. */
const decimal = (seconds: number): string => seconds.toFixed(9).replace(/\.?0+$/, '')

function record(key: string, value: Uint8Array): Uint8Array {
  const body = joinBytes([encoder.encode(` ${key}=`), value, encoder.encode('\n')])
  let length = body.length + 1
  while (length !== body.length + `${length}`.length) length = body.length + `${length}`.length
  return joinBytes([encoder.encode(`${length}`), body])
}
