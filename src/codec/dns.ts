import { dnsType, type DnsQuestion, type DnsRecord } from '../core/dns.ts'

/** DNS messages (RFC 1035), as far as a stub resolver and its forwarder need them. */

export interface DnsQuery {
  readonly id: number
  readonly opcode: number
  readonly recursion: boolean
  readonly question: DnsQuestion
  /** Largest answer that the asker takes by UDP (RFC 6891); undefined without EDNS. */
  readonly size: number | undefined
}

const headerSize = 12
const classIn = 1

/** @returns undefined for bytes that are no question for one name */
export function parseDnsQuery(message: Uint8Array): DnsQuery | undefined {
  if (message.length < headerSize) return undefined
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  const flags = view.getUint16(2)
  if ((flags & 0x8000) !== 0 || view.getUint16(4) !== 1) return undefined
  const name = readName(message, headerSize)
  if (!name || name.end + 4 > message.length) return undefined
  return {
    id: view.getUint16(0),
    opcode: (flags >> 11) & 15,
    recursion: (flags & 0x0100) !== 0,
    question: { name: name.text, type: view.getUint16(name.end) },
    size: view.getUint16(10) > 0 ? ednsSize(view, name.end + 4) : undefined,
  }
}

/** A question has no records before its OPT, as a rule; one that has is answered as if it had none. */
function ednsSize(view: DataView, offset: number): number | undefined {
  if (offset + 11 > view.byteLength || view.getUint8(offset) !== 0) return undefined
  if (view.getUint16(offset + 1) !== dnsType.OPT) return undefined
  return Math.max(512, view.getUint16(offset + 3))
}

function readName(message: Uint8Array, start: number): { text: string; end: number } | undefined {
  const labels: string[] = []
  let offset = start
  for (;;) {
    const length = message[offset]
    // A question is the first name: there is nothing before it to point at.
    if (length === undefined || length > 63) return undefined
    offset++
    if (length === 0) break
    if (offset + length > message.length || offset + length - start > 254) return undefined
    labels.push(String.fromCharCode(...message.subarray(offset, offset + length)))
    offset += length
  }
  return { text: labels.join('.'), end: offset }
}

/** A name as records hold it, without compression. @throws RangeError for one that can be none */
export function encodeDnsName(name: string): Uint8Array {
  const bytes: number[] = []
  for (const label of name.split('.')) {
    if (label === '') continue
    if (label.length > 63) throw new RangeError(`no DNS name: ${name}`)
    bytes.push(label.length, ...Array.from(label, (letter) => letter.charCodeAt(0) & 0xff))
  }
  bytes.push(0)
  if (bytes.length > 255) throw new RangeError(`no DNS name: ${name}`)
  return Uint8Array.from(bytes)
}

export interface DnsAnswer {
  readonly code: number
  readonly records: readonly DnsRecord[]
  /** Told to who speaks EDNS (RFC 8914). */
  readonly reason?: string
}

const networkError = 23

/** @param limit bytes; records that don't fit are left out, and the answer says so */
export function encodeDnsAnswer(query: DnsQuery, answer: DnsAnswer, limit: number): Uint8Array {
  const name = encodeDnsName(query.question.name)
  const additional = query.size === undefined ? new Uint8Array(0) : edns(answer.reason)
  const records: Uint8Array[] = []
  let length = headerSize + name.length + 4 + additional.length
  let truncated = false
  for (const record of answer.records) {
    const encoded = encodeRecord(record)
    if (length + encoded.length > limit) {
      truncated = true
      break
    }
    records.push(encoded)
    length += encoded.length
  }
  const message = new Uint8Array(length)
  const view = new DataView(message.buffer)
  view.setUint16(0, query.id)
  view.setUint16(
    2,
    0x8080 |
      (query.opcode << 11) |
      (truncated ? 0x0200 : 0) |
      (query.recursion ? 0x0100 : 0) |
      answer.code,
  )
  view.setUint16(4, 1)
  view.setUint16(6, records.length)
  view.setUint16(10, additional.length > 0 ? 1 : 0)
  message.set(name, headerSize)
  let offset = headerSize + name.length
  view.setUint16(offset, query.question.type)
  view.setUint16(offset + 2, classIn)
  offset += 4
  for (const part of [...records, additional]) {
    message.set(part, offset)
    offset += part.length
  }
  return message
}

function encodeRecord({ name, type, ttl, data }: DnsRecord): Uint8Array {
  const encoded = encodeDnsName(name)
  const record = new Uint8Array(encoded.length + 10 + data.length)
  const view = new DataView(record.buffer)
  record.set(encoded)
  view.setUint16(encoded.length, type)
  view.setUint16(encoded.length + 2, classIn)
  view.setUint32(encoded.length + 4, ttl)
  view.setUint16(encoded.length + 8, data.length)
  record.set(data, encoded.length + 10)
  return record
}

function edns(reason: string | undefined): Uint8Array {
  const text = new TextEncoder().encode(reason ?? '').subarray(0, 200)
  const option = reason === undefined ? 0 : 6 + text.length
  const record = new Uint8Array(11 + option)
  const view = new DataView(record.buffer)
  view.setUint16(1, dnsType.OPT)
  view.setUint16(3, 4096)
  view.setUint16(9, option)
  if (option > 0) {
    view.setUint16(11, 15)
    view.setUint16(13, 2 + text.length)
    view.setUint16(15, networkError)
    record.set(text, 17)
  }
  return record
}
