import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { decodeName, encodeName } from './name-bytes.ts'

// Expected strings by Python: bytes.decode('utf-8', 'surrogateescape').
test.each([
  [[0x61, 0x62], 'ab'],
  [[0xc3, 0xbc], 'ü'],
  [[0xff], '\udcff'],
  [[0xc3, 0x28], '\udcc3('],
  [[0xed, 0xa0, 0x80], '\udced\udca0\udc80'],
  [[0xf0, 0x9f, 0x90, 0x8b, 0x80], '🐋\udc80'],
  [[0xef, 0xbb, 0xbf, 0x78], '\ufeffx'],
])('%j is one string and back', (bytes, text) => {
  expect(decodeName(Uint8Array.from(bytes))).toBe(text)
  expect([...encodeName(text)]).toEqual(bytes)
})

test('any bytes survive', () => {
  for (let round = 0; round < 2000; round++) {
    const bytes = randomBytes(round % 40)
    expect(Buffer.from(encodeName(decodeName(bytes))).equals(bytes)).toBe(true)
  }
})
