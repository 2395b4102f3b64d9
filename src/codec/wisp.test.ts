import { expect, test } from 'vitest'
import { encodeWisp, parseWisp, WISP_PACKET_MAX, type WispPacket } from './wisp.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

// Written out by hand from the protocol's tables.
const known: readonly (readonly [WispPacket, string])[] = [
  [
    { type: 'connect', stream: 7, protocol: 'tcp', port: 443, host: 'a.b' },
    '01 07000000 01 bb01 612e62',
  ],
  [
    { type: 'connect', stream: 1, protocol: 'udp', port: 53, host: '::1' },
    '01 01000000 02 3500 3a3a31',
  ],
  [{ type: 'data', stream: 0x01020304, bytes: bytes('ff00') }, '02 04030201 ff00'],
  [{ type: 'data', stream: 1, bytes: bytes('') }, '02 01000000'],
  [{ type: 'continue', stream: 0, count: 128 }, '03 00000000 80000000'],
  [{ type: 'close', stream: 9, reason: 0x44 }, '04 09000000 44'],
  [
    {
      type: 'info',
      major: 2,
      minor: 0,
      extensions: [
        { id: 5, metadata: bytes('') },
        { id: 0xf0, metadata: bytes('20000000') },
      ],
    },
    '05 00000000 02 00 05 00000000 f0 04000000 20000000',
  ],
]

test.each(known)('%o', (packet, written) => {
  const raw = written.replaceAll(' ', '')
  expect(hex(encodeWisp(packet))).toBe(raw)
  expect(parseWisp(bytes(raw))).toEqual(packet)
})

test.each([
  '',
  '02',
  '01000000',
  '0000000000',
  '0600000000',
  '0200000000ff',
  '010100000001bb01',
  '010100000003bb0161',
  '010100000001bb01ff',
  '010000000001bb0161',
  '0301000000010203',
  '030100000001020304ff',
  '0401000000',
  '04010000000203',
  '0501000000 0200'.replaceAll(' ', ''),
  '050000000002',
  '0500000000 0200 05'.replaceAll(' ', ''),
  '0500000000 0200 05 ffffffff'.replaceAll(' ', ''),
  '0500000000 0200 05 05000000 00'.replaceAll(' ', ''),
])('%s is no packet', (raw) => {
  expect(parseWisp(bytes(raw))).toBeUndefined()
})

test('nothing larger than the largest, and no name longer than a name', () => {
  expect(parseWisp(bytes('0201000000' + '00'.repeat(WISP_PACKET_MAX)))).toBeUndefined()
  expect(parseWisp(bytes('010100000001bb01' + '61'.repeat(256)))).toBeUndefined()
})

test('any bytes are a packet or none', () => {
  let state = 1
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % limit
  }
  for (let input = 0; input < 20_000; input++) {
    const [, written = ''] = known[below(known.length)] ?? []
    const raw = bytes(written.replaceAll(' ', ''))
    for (let change = below(4); change > 0; change--) raw[below(raw.length)] = below(256)
    const packet = parseWisp(raw.subarray(0, 1 + below(raw.length)))
    if (packet) expect(parseWisp(encodeWisp(packet))).toEqual(packet)
  }
})
