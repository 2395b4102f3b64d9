import { describe, expect, test } from 'vitest'
import { CookieJar } from './cookies.ts'

describe('CookieJar', () => {
  const now = Date.parse('2026-01-01')
  const jar = (): CookieJar => new CookieJar(() => now)

  // RFC 6265bis, 5.1.4, 5.6 and 5.8.3.
  test.each([
    ['a=1', '/x/y', '/x/z', 'a=1'],
    ['a=1', '/x/y', '/z', ''],
    ['a=1; Path=/', '/x/y', '/z', 'a=1'],
    ['a=1; path=/x', '/', '/xy', ''],
    ['a=1; path=/x', '/', '/x/', 'a=1'],
    ['a=1; path=relative', '/x/y', '/x/q?r', 'a=1'],
    ['a=1; Max-Age=0', '/', '/', ''],
    ['a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT', '/', '/', 'a=1'],
    ['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT', '/', '/', ''],
    ['a=1; Expires=nonsense', '/', '/', 'a=1'],
    [' a = b=c ; Domain=example.com; Secure', '/', '/', 'a=b=c'],
    ['lonely', '/', '/', 'lonely'],
    ['=', '/', '/', ''],
    ['a=\u0001', '/', '/', ''],
    [`a=${'x'.repeat(5000)}`, '/', '/', ''],
  ])('%j set by %s is sent to %s as %j', (text, from, to, expected) => {
    const cookies = jar()
    cookies.set(text, from, 'server')
    expect(cookies.header(to)).toBe(expected)
  })

  test('longer paths come first, then older ones; a new value keeps its place', () => {
    const cookies = jar()
    for (const text of ['a=1; path=/', 'b=2; path=/', 'c=3; path=/deep', 'a=4; path=/']) {
      cookies.set(text, '/', 'server')
    }
    expect(cookies.header('/deep/er')).toBe('c=3; a=4; b=2')
  })

  test('scripts neither see nor change what is HttpOnly', () => {
    const cookies = jar()
    cookies.set('secret=1; HttpOnly; path=/', '/', 'server')
    expect(cookies.set('secret=2; path=/', '/', 'script')).toBe(false)
    expect(cookies.set('other=3; HttpOnly', '/', 'script')).toBe(false)
    expect(cookies.set('plain=4; path=/', '/', 'script')).toBe(true)
    expect(cookies.visible()).toEqual([['plain', '4', '/']])
    expect(cookies.header('/')).toBe('secret=1; plain=4')
  })

  test('a jar holds 180 cookies; the oldest goes', () => {
    const cookies = jar()
    for (let number = 0; number < 200; number++) cookies.set(`c${number}=x`, '/', 'server')
    expect(cookies.visible()).toHaveLength(180)
    expect(cookies.header('/')).not.toContain('c19=')
    expect(cookies.header('/')).toContain('c20=')
  })
})
