import { describe, expect, test } from 'vitest'
import { acceptOf, closePayload, encodeFrame, MessageDecoder } from './websocket.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** Feed all in pieces of a size. */
function decode(input: Uint8Array, size: number): unknown[] {
  const decoder = new MessageDecoder()
  const messages: unknown[] = []
  for (let at = 0; at < input.length; at += size) {
    for (const message of decoder.push(input.subarray(at, at + size))) {
      messages.push(
        'bytes' in message ? [message.kind, new TextDecoder().decode(message.bytes)] : message,
      )
    }
  }
  return messages
}

describe('frames of a server', () => {
  // Examples of RFC 6455, 5.7.
  test.each([
    [[0x81, 5, ...text('Hello')], [['text', 'Hello']]],
    [[0x01, 3, ...text('Hel'), 0x80, 2, ...text('lo')], [['text', 'Hello']]],
    [
      [0x01, 1, 72, 0x89, 1, 80, 0x80, 1, 105],
      [
        ['ping', 'P'],
        ['text', 'Hi'],
      ],
    ],
    [[0x82, 126, 1, 0, ...Array.from({ length: 256 }, () => 65)], [['binary', 'A'.repeat(256)]]],
    [[0x88, 0], [{ kind: 'close', code: 1005, reason: '' }]],
    [[0x88, 4, 0x03, 0xe8, 111, 107], [{ kind: 'close', code: 1000, reason: 'ok' }]],
  ])('%j', (frames, messages) => {
    for (const size of [1, 2, 7, 1000])
      expect(decode(Uint8Array.from(frames), size)).toEqual(messages)
  })

  test.each([
    ['masked', [0x81, 0x81, 1, 2, 3, 4, 5]],
    ['a reserved bit', [0xc1, 0]],
    ['an unknown opcode', [0x83, 0]],
    ['a control frame in pieces', [0x09, 0]],
    ['a long control frame', [0x89, 126, 1, 0]],
    ['a continuation of nothing', [0x80, 0]],
    ['a message within a message', [0x01, 0, 0x81, 0]],
    ['a frame of 2^60 bytes', [0x82, 127, 0x10, 0, 0, 0, 0, 0, 0, 0]],
    ['a close frame of one byte', [0x88, 1, 0]],
  ])('%s is refused', (_, frames) =>
    expect(() => decode(Uint8Array.from(frames), 1)).toThrow('breaks the WebSocket protocol'),
  )

  test('noise is refused or waits for more, and nothing else', () => {
    let seed = 7
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647)
    for (let round = 0; round < 500; round++) {
      const noise = Uint8Array.from({ length: 40 }, () => random() & 255)
      try {
        decode(noise, 1 + (random() % 9))
      } catch (error) {
        expect(String(error)).toContain('breaks the WebSocket protocol')
      }
    }
  })
})

test('a client masks (RFC 6455, 5.7)', () => {
  const frame = encodeFrame('text', text('Hello'), bytes(0x37, 0xfa, 0x21, 0x3d))
  expect([...frame]).toEqual([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
})

test.each([
  [125, 2 + 4],
  [126, 4 + 4],
  [65_535, 4 + 4],
  [65_536, 10 + 4],
])('a frame of %i bytes has a head of %i', (length, head) =>
  expect(encodeFrame('binary', new Uint8Array(length), bytes(0, 0, 0, 0))).toHaveLength(
    head + length,
  ),
)

test('the accept value of RFC 6455, 1.3', async () =>
  expect(await acceptOf('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo='))

test('a reason is cut to what a control frame holds', () =>
  expect(closePayload(1000, 'x'.repeat(500))).toHaveLength(125))
