import { describe, expect, test } from 'vitest'
import { Router, callOf, jsonLines, type Route } from './router.ts'

const handle = () => Promise.resolve({ status: 200, headers: {} })
const routes: readonly Route[] = (
  [
    ['GET', '/containers/json'],
    ['GET', '/containers/{name}/json'],
    ['POST', '/images/{name...}/push'],
    ['GET', '/a.b'],
    ['HEAD', '/_ping'],
  ] as const
).map(([method, path]) => ({ method, path, handle }))
const router = new Router(routes)

describe('a route', () => {
  test.each<[string, string, string, Record<string, string>]>([
    ['GET', '/containers/json', '/containers/json', {}],
    ['GET', '/containers/web/json', '/containers/{name}/json', { name: 'web' }],
    ['GET', '/containers/a%20b%2Fc/json', '/containers/{name}/json', { name: 'a b/c' }],
    ['GET', '/containers/100%/json', '/containers/{name}/json', { name: '100%' }],
    ['POST', '/images/host:5000/a/b/push', '/images/{name...}/push', { name: 'host:5000/a/b' }],
    ['HEAD', '/_ping', '/_ping', {}],
  ])('%s %s is %s', (method, path, expected, params) => {
    expect(router.find(method, path)).toMatchObject({ route: { path: expected }, params })
  })

  test.each([
    ['POST', '/containers/json'],
    ['HEAD', '/containers/json'],
    ['GET', '/containers//json'],
    ['GET', '/containers/a/b/json'],
    ['GET', '/containers/json/'],
    ['GET', '/axb'],
    ['GET', ''],
  ])('there is none for %s %s', (method, path) => {
    expect(router.find(method, path)).toBeUndefined()
  })
})

describe('a call', () => {
  const call = (text: string, type = 'application/json') =>
    callOf(
      {
        method: 'POST',
        path: '/',
        headers: { 'content-type': type },
        body: new Blob([text]).stream(),
        signal: new AbortController().signal,
        id: 'r1',
      },
      {},
      'all=1&all=0&none=',
      51,
    )

  test('has its query as Go reads it', () => {
    const { query } = call('')
    expect([query.bool('all'), query.strings('all'), query.string('missing')]).toEqual([
      true,
      ['1', '0'],
      '',
    ])
    expect([query.bool('none', true), query.bool('missing', true)]).toEqual([false, true])
  })

  test('has its body as JSON; an empty one is none', async () => {
    expect(await call('{"Tty":true}').json()).toEqual({ Tty: true })
    expect(await call(' \n').json()).toBeUndefined()
  })

  test.each([
    ['{"a":', 'application/json', 'invalid JSON: unexpected EOF'],
    [
      '{}',
      'text/plain',
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ],
    ['{}', '', 'malformed Content-Type header (): mime: no media type'],
  ])('%s of type %s is refused', async (text, type, message) => {
    await expect(call(text, type).json()).rejects.toMatchObject({
      code: 'invalid-parameter',
      message,
    })
  })
})

test('JSON lines ask their source for no more than is read', async () => {
  let made = 0
  let isCancelled = false
  const source = new ReadableStream<unknown>(
    {
      pull: (controller) => controller.enqueue({ n: ++made }),
      cancel: () => void (isCancelled = true),
    },
    { highWaterMark: 0 },
  )
  const reader = jsonLines(source).body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toMatch(/^\{"n":1\}\r?\n$/)
  expect(made).toBe(1)
  await reader?.cancel()
  expect(isCancelled).toBe(true)
})
