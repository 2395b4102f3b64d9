import { expect, test } from 'vitest'
import { randomId } from './random-id.ts'

test('an id whose short form is a number is not taken', () => {
  const drawn = [0x81, 0x1f].map((byte) => new Uint8Array(32).fill(byte))
  const id = randomId({ randomBytes: () => drawn.shift() ?? new Uint8Array(32) })
  expect(id).toBe('1f'.repeat(32))
})
