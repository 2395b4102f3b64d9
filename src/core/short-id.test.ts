import { expect, test } from 'vitest'
import { shortId } from './short-id.ts'

const hash = '0123456789abcdef'.repeat(4)

test.each([hash, `sha256:${hash}`, `sha512:${hash}`, '0123456789ab'])('%s', (id) =>
  expect(shortId(id)).toBe('0123456789ab'),
)
