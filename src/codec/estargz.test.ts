import { expect, test } from 'vitest'
import { parseFooter, parseToc } from './estargz.ts'

const sha = `sha256:${'0'.repeat(64)}`
const file = { name: 'a', type: 'reg', size: 10, offset: 5, digest: sha, chunkDigest: sha }
const toc = (...entries: unknown[]): string => JSON.stringify({ version: 1, entries })

test('a chunk ends where the next begins in the blob, whatever the order of the table', () => {
  const { chunks } = parseToc(toc({ ...file, offset: 50 }, { ...file, name: 'b', offset: 5 }), 99)
  expect(chunks).toMatchObject([
    { start: 0, size: 10, offset: 50, end: 99 },
    { start: 10, size: 10, offset: 5, end: 50 },
  ])
})

test('small files may share a member', () => {
  const { chunks } = parseToc(toc(file, { ...file, name: 'b', innerOffset: 1024 }), 99)
  expect(chunks).toMatchObject([
    { offset: 5, end: 99, inner: 0 },
    { offset: 5, end: 99, inner: 1024 },
  ])
})

const half = { ...file, chunkSize: 4 }
test.each<[string, string]>([
  ['no JSON', '{'],
  ['nothing', 'null'],
  ['another version', '{"version":2,"entries":[]}'],
  ['no list', '{"version":1,"entries":{}}'],
  ['a strange entry', toc(null)],
  ['an unknown type', toc({ ...file, type: 'socket' })],
  ['a stray chunk', toc({ name: 'a', type: 'chunk', offset: 1 })],
  ['a negative size', toc({ ...file, size: -1 })],
  ['a size with a fraction', toc({ ...file, size: 1.5 })],
  ['a size that is text', toc({ ...file, size: '1' })],
  ['a name that is none', toc({ ...file, name: 7 })],
  ['a name that leads out', toc({ ...file, name: '../a' })],
  ['a link that leads out', toc({ name: 'b', type: 'hardlink', linkName: '../a' })],
  ['content behind the table', toc({ ...file, offset: 99 })],
  ['a gap', toc(half, { type: 'chunk', name: 'a', chunkOffset: 5, offset: 7 })],
  ['a missing end', toc(half)],
  ['more than its size', toc({ ...file, chunkSize: 11 })],
  ['an xattr that is no base64', toc({ ...file, xattrs: { 'user.a': '%' } })],
])('a table with %s is refused', (_, json) => {
  expect(() => parseToc(json, 99)).toThrow(
    expect.objectContaining({ code: 'invalid-parameter' }) as Error,
  )
})

test('any change of a table is refused or harmless, never another error', () => {
  const good = toc(
    half,
    { type: 'chunk', name: 'a', chunkOffset: 4, offset: 7, chunkDigest: sha },
    { name: 'd/', type: 'dir', xattrs: { 'user.a': 'AA==' } },
  )
  for (let at = 0; at < good.length; at++) {
    for (const other of ['', '0', '"', '{', ']', '-', 'x']) {
      try {
        parseToc(good.slice(0, at) + other + good.slice(at + 1), 99)
      } catch (error) {
        expect(error).toMatchObject({ name: 'EngineError', code: 'invalid-parameter' })
      }
    }
  }
})

test('noise is no footer', () => {
  for (const length of [0, 50, 51, 52])
    expect(() => parseFooter(new Uint8Array(length))).toThrow('no footer')
})
