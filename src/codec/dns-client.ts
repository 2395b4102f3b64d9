import { dnsType, type DnsQuestion, type DnsRecord } from '../core/dns.ts'
import { encodeDnsName } from './dns.ts'

const HEADER = 12
const CLASS_IN = 1
/** Pointers that a name may follow, and records of an answer. */
const JUMPS_MAX = 32
const RECORDS_MAX = 256

/** A question for a resolver (RFC 1035). @throws RangeError for what is no name */
export function encodeDnsQuery(id: number, { name, type }: DnsQuestion): Uint8Array {
  const encoded = encodeDnsName(name)
  const bytes = new Uint8Array(HEADER + encoded.length + 4)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, id)
  view.setUint16(2, 0x0100)
  view.setUint16(4, 1)
  bytes.set(encoded, HEADER)
  view.setUint16(HEADER + encoded.length, type)
  view.setUint16(HEADER + encoded.length + 2, CLASS_IN)
  return bytes
}

/**
 * A resolver's answer: the records of its answer section, names in them written out.
 * @returns undefined for what is no answer to this question
 */
export function parseDnsAnswer(
  message: Uint8Array,
  id: number,
  question: DnsQuestion,
): { readonly code: number; readonly records: readonly DnsRecord[] } | undefined {
  if (message.length < HEADER) return undefined
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  const flags = view.getUint16(2)
  if (view.getUint16(0) !== id || (flags & 0x8000) === 0 || view.getUint16(4) !== 1)
    return undefined
  const asked = readName(message, HEADER)
  if (!asked || asked.end + 4 > message.length) return undefined
  if (asked.text.toLowerCase() !== question.name.toLowerCase()) return undefined
  const count = view.getUint16(6)
  if (count > RECORDS_MAX) return undefined
  const records: DnsRecord[] = []
  let at = asked.end + 4
  for (let index = 0; index < count; index++) {
    const name = readName(message, at)
    if (!name || name.end + 10 > message.length) return undefined
    const type = view.getUint16(name.end)
    const start = name.end + 10
    const end = start + view.getUint16(name.end + 8)
    if (end > message.length) return undefined
    const data = readData(message, type, start, end)
    if (!data) return undefined
    records.push({ name: name.text, type, ttl: view.getUint32(name.end + 4), data })
    at = end
  }
  return { code: flags & 15, records }
}

/** How many bytes stand before the name in a record's data, of those that hold one. */
const before: Readonly<Record<number, number>> = {
  [dnsType.NS]: 0,
  [dnsType.CNAME]: 0,
  [dnsType.PTR]: 0,
  [dnsType.MX]: 2,
  [dnsType.SRV]: 6,
}

function readData(
  message: Uint8Array,
  type: number,
  start: number,
  end: number,
): Uint8Array | undefined {
  if (type === dnsType.SOA) {
    const primary = readName(message, start)
    const mail = primary && readName(message, primary.end)
    if (!mail || mail.end + 20 !== end) return undefined
    return Uint8Array.from([
      ...encodeDnsName(primary.text),
      ...encodeDnsName(mail.text),
      ...message.subarray(mail.end, end),
    ])
  }
  const skip = before[type]
  if (skip === undefined) return message.slice(start, end)
  const name = readName(message, start + skip)
  if (!name || name.end !== end) return undefined
  return Uint8Array.from([...message.subarray(start, start + skip), ...encodeDnsName(name.text)])
}

/** A name, by pointers to earlier ones if it has any (RFC 1035, 4.1.4); `end` is behind it where it was read. */
function readName(message: Uint8Array, start: number): { text: string; end: number } | undefined {
  const labels: string[] = []
  let at = start
  let end: number | undefined
  let length = 0
  for (let jumps = 0; ;) {
    const size = message[at]
    if (size === undefined) return undefined
    if (size >= 0xc0) {
      const low = message[at + 1]
      if (low === undefined || ++jumps > JUMPS_MAX) return undefined
      end ??= at + 2
      at = ((size & 0x3f) << 8) | low
      continue
    }
    if (size > 63) return undefined
    at++
    if (size === 0) return { text: labels.join('.'), end: end ?? at }
    length += size + 1
    if (at + size > message.length || length > 254) return undefined
    labels.push(String.fromCharCode(...message.subarray(at, at + size)))
    at += size
  }
}
