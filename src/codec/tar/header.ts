import { EngineError } from '../../core/error.ts'
import type { EntryKind } from '../../core/layer.ts'
import { decodeName } from '../name-bytes.ts'

/** Unit of all tar structures, in bytes (POSIX.1-2017 pax, ustar interchange format). */
export const BLOCK = 512

export const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

/** Letters of `typeflag` and what a layer calls them. */
export const kindOf: Readonly<Record<string, EntryKind>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

/** A header block as it stands, before pax records are applied. */
export interface RawHeader {
  readonly flag: string
  readonly name: string
  readonly target: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: number
  readonly major: number
  readonly minor: number
}

export const invalid = (detail: string): EngineError =>
  new EngineError('invalid-parameter', `archive/tar: ${detail}`)

const UINT32 = 2 ** 32

/** @returns undefined for a block of zeros, which ends an archive */
export function parseHeader(block: Uint8Array): RawHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined
  checkSum(block)
  const flag = String.fromCharCode(block[156] ?? 0)
  const name = text(block, 0, 100)
  // GNU's old format ("ustar  ") has other fields where POSIX has the prefix.
  const posix = text(block, 257, 6) === 'ustar' && block[263] === 0x30
  const prefix = posix ? text(block, 345, 155) : ''
  return {
    flag,
    name: prefix ? `${prefix}/${name}` : name,
    target: text(block, 157, 100),
    mode: (number(block, 100, 8) % 0o10000) & 0o7777,
    uid: toUint32(number(block, 108, 8)),
    gid: toUint32(number(block, 116, 8)),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    major: number(block, 329, 8),
    minor: number(block, 337, 8),
  }
}

/** macOS's `nobody` is -2. */
const toUint32 = (value: number): number => (value < 0 ? value + UINT32 : value)

/** Old writers summed signed bytes; readers take both (POSIX.1-2017 pax, chksum). */
function checkSum(block: Uint8Array): void {
  let unsigned = 0
  let signed = 0
  for (let at = 0; at < BLOCK; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0)
    unsigned += byte
    signed += byte >= 0x80 ? byte - 0x100 : byte
  }
  const stored = number(block, 148, 8)
  if (stored !== unsigned && stored !== signed) throw invalid('invalid tar header')
}

function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return decodeName(end < 0 ? field : field.subarray(0, end))
}

/** Octal digits, or GNU's base-256: the top bit set, then a big-endian two's complement number. */
function number(block: Uint8Array, at: number, length: number): number {
  const first = block[at] ?? 0
  if (first >= 0x80) return base256(block.subarray(at, at + length))
  let digits = ''
  for (let index = at; index < at + length; index++) {
    const byte = block[index] ?? 0
    if (byte === 0 && digits.trim() !== '') break
    digits += byte === 0 ? ' ' : String.fromCharCode(byte)
  }
  digits = digits.trim()
  if (digits === '') return 0
  const value = /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
  if (!Number.isSafeInteger(value)) throw invalid('invalid tar header')
  return value
}

function base256(field: Uint8Array): number {
  const negative = ((field[0] ?? 0) & 0x40) !== 0
  // The top bit only marks the format: for a positive number it counts for nothing.
  let value = negative ? (field[0] ?? 0) - 0x100 : (field[0] ?? 0) & 0x7f
  for (const byte of field.subarray(1)) value = value * 256 + byte
  if (!Number.isSafeInteger(value)) throw invalid('invalid tar header')
  return value
}
