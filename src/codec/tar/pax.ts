import { decodeName } from '../name-bytes.ts'
import { invalid } from './header.ts'

/** What an extended header changes in the member after it (POSIX.1-2017 pax, extended header). */
export interface PaxRecords {
  path?: string
  linkpath?: string
  size?: number
  uid?: number
  gid?: number
  mtime?: number
  readonly xattrs: Record<string, Uint8Array>
}

const XATTR = 'SCHILY.xattr.'
const EQUALS = 0x3d
const NEWLINE = 0x0a

/** `length key=value\n`, the length counting itself. */
export function parsePax(data: Uint8Array): PaxRecords {
  // Names come from outside: no prototype, so that `__proto__` is a name like others.
  const records: PaxRecords = { xattrs: Object.create(null) as Record<string, Uint8Array> }
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at)
    const digits = space < 0 || space - at > 10 ? '' : decodeName(data.subarray(at, space))
    const end = /^[1-9]\d*$/.test(digits) ? at + Number(digits) : Number.NaN
    const equals = data.indexOf(EQUALS, space)
    const whole = end <= data.length && data[end - 1] === NEWLINE && equals > 0 && equals < end
    if (!whole) throw invalid('invalid tar header')
    apply(records, decodeName(data.subarray(space + 1, equals)), data.subarray(equals + 1, end - 1))
    at = end
  }
  return records
}

function apply(records: PaxRecords, key: string, value: Uint8Array): void {
  if (key.startsWith(XATTR)) {
    records.xattrs[key.slice(XATTR.length)] = value.slice()
    return
  }
  if (key.startsWith('GNU.sparse.')) throw invalid('sparse files are not supported')
  // An empty value takes the header's own (POSIX.1-2017 pax).
  if (value.length === 0) return
  switch (key) {
    case 'path':
    case 'linkpath':
      if (value.includes(0)) throw invalid('invalid tar header')
      records[key] = decodeName(value)
      break
    case 'size':
    case 'uid':
    case 'gid':
      records[key] = integer(value)
      break
    case 'mtime':
      records.mtime = seconds(value)
      break
    default:
  }
}

function integer(value: Uint8Array): number {
  const text = decodeName(value)
  const result = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(result)) throw invalid('invalid tar header')
  return result
}

function seconds(value: Uint8Array): number {
  const text = decodeName(value)
  if (!/^-?\d{1,15}(\.\d*)?$/.test(text)) throw invalid('invalid tar header')
  return Number(text)
}
