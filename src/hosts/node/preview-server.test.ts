import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { servePreviews, type PreviewServer } from './preview-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'drydock-preview-'))
let server: PreviewServer

beforeAll(async () => {
  mkdirSync(join(folder, '__bridge'))
  for (const name of [
    '404.html',
    '__bridge/index.html',
    '__bridge/bridge.js',
    '__bridge/boot.js',
    '__bridge-sw.js',
  ]) {
    writeFileSync(join(folder, name), `this is ${name}`)
  }
  writeFileSync(join(folder, 'other.txt'), 'nobody’s')
  server = await servePreviews(0, folder)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const get = (
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<[number | undefined, string, string]> =>
  new Promise((resolve, reject) => {
    const port = Number(/:(\d+)$/.exec(server.origins)?.[1])
    request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += String(chunk)
      })
      response.on('end', () =>
        resolve([response.statusCode, text, response.headers['content-type'] ?? '']),
      )
    })
      .on('error', reject)
      .end()
  })

test.each([
  ['/__bridge/', 200, 'this is __bridge/index.html', 'text/html; charset=utf-8'],
  ['/__bridge/?x', 200, 'this is __bridge/index.html', 'text/html; charset=utf-8'],
  ['/__bridge-sw.js', 200, 'this is __bridge-sw.js', 'text/javascript'],
  // Every other address is the container's: it gets the page that starts the service worker, no script among them.
  ['/', 200, 'this is 404.html', 'text/html; charset=utf-8'],
  ['/app.js', 404, 'this is 404.html', 'text/html; charset=utf-8'],
  ['/other.txt', 404, 'this is 404.html', 'text/html; charset=utf-8'],
  ['/__bridge/../other.txt', 404, 'this is 404.html', 'text/html; charset=utf-8'],
  ['//__bridge/', 404, 'this is 404.html', 'text/html; charset=utf-8'],
])('%s is answered by %i with %s', async (path, status, text, type) =>
  expect(await get(path)).toEqual([status, text, type]),
)

test('a page’s POST that missed the service worker gets the same', async () =>
  expect((await get('/form', {}, 'POST'))[1]).toBe('this is 404.html'))

test('a hostile page’s cookies don’t keep it from answering', async () =>
  expect((await get('/__bridge/', { cookie: `a=${'x'.repeat(200_000)}` }))[0]).toBe(200))

test('the setting is a pattern of names', () =>
  expect(server.origins).toMatch(/^http:\/\/\*\.preview\.localhost:\d+$/))
