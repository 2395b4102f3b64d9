import { expect, test } from 'vitest'
import { previewOrigin } from './origin.ts'
import { relaxPolicy, rewriteHeaders } from './policy.ts'

const own = previewOrigin(new URL('http://s0-8080.preview.localhost:5174/'))
if (!own) throw new Error('no preview')

test.each([
  ["script-src 'self'; frame-ancestors 'none'", "script-src 'self' 'nonce-n'"],
  ["default-src 'none'", "default-src 'none'; script-src 'nonce-n'"],
  [
    "default-src 'self'; style-src *",
    "default-src 'self'; style-src *; script-src 'self' 'nonce-n'",
  ],
  ["script-src 'unsafe-inline'", "script-src 'unsafe-inline'"],
  ["script-src 'unsafe-inline' 'nonce-a'", "script-src 'unsafe-inline' 'nonce-a' 'nonce-n'"],
  [
    "script-src 'unsafe-inline' 'strict-dynamic'",
    "script-src 'unsafe-inline' 'strict-dynamic' 'nonce-n'",
  ],
  ["script-src-elem 'none'; script-src *", "script-src-elem 'nonce-n'; script-src *"],
  ["frame-ancestors 'self'", ''],
  ['upgrade-insecure-requests; img-src *', 'img-src *'],
  [
    "script-src 'self', frame-ancestors 'none', default-src *",
    "script-src 'self' 'nonce-n', default-src *; script-src * 'nonce-n'",
  ],
])('the policy %j lets the script run as %j', (policy, relaxed) =>
  expect(relaxPolicy(policy, 'n')).toBe(relaxed),
)

test('a policy of no document loses only what concerns frames', () =>
  expect(relaxPolicy("default-src 'self'; frame-ancestors 'none'", undefined)).toBe(
    "default-src 'self'",
  ))

test.each([
  ['http://localhost:8080/landed?a#b', 'http://s0-8080.preview.localhost:5174/landed?a#b'],
  ['http://127.0.0.1:8080/', 'http://s0-8080.preview.localhost:5174/'],
  ['http://0.0.0.0:9090/x', 'http://s0-9090.preview.localhost:5174/x'],
  ['http://localhost/x', 'http://s0-80.preview.localhost:5174/x'],
  ['next', 'http://s0-8080.preview.localhost:5174/a/next'],
  ['/top', 'http://s0-8080.preview.localhost:5174/top'],
  ['https://example.com/x', 'https://example.com/x'],
  ['http://[', 'http://['],
])('a redirect to %j leads to %j', (location, expected) =>
  expect(
    rewriteHeaders([['location', location]], { own, path: '/a/b', nonce: undefined }).get(
      'location',
    ),
  ).toBe(expected),
)

test('what would keep the page out of a frame is gone, with the length of a changed document', () => {
  const headers = rewriteHeaders(
    [
      ['x-frame-options', 'DENY'],
      ['content-length', '5'],
      ['strict-transport-security', 'max-age=1'],
      ['x-own', 'kept'],
      ['bad name', 'dropped'],
    ],
    { own, path: '/', nonce: 'n' },
  )
  expect([...headers]).toEqual([['x-own', 'kept']])
})

test.each(['http://localhost:5174/', 'http://s-8080.preview.localhost/', 'http://s0.x/'])(
  '%s is no preview’s origin',
  (address) => expect(previewOrigin(new URL(address))).toBeUndefined(),
)
