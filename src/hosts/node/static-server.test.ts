import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serveFolder, type StaticServer } from './static-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'drydock-static-'))
let server: StaticServer

beforeAll(async () => {
  writeFileSync(join(folder, 'index.html'), '<p>page</p>')
  writeFileSync(join(folder, 'digits'), '0123456789')
  writeFileSync(join(folder, 'digits.br'), 'compressed')
  server = await serveFolder(folder, 0)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(server.url + path, { headers: { 'accept-encoding': 'identity', ...headers } })

test('serves the page at / under a policy without unsafe-eval', async () => {
  const response = await get('')
  expect(await response.text()).toBe('<p>page</p>')
  expect(response.headers.get('content-security-policy')).toContain("'wasm-unsafe-eval'")
  expect(response.headers.get('content-security-policy')).not.toContain("'unsafe-eval'")
})

test.each([
  ['bytes=2-4', 206, '234'],
  ['bytes=7-', 206, '789'],
  ['bytes=-2', 206, '89'],
  ['bytes=5-99', 206, '56789'],
  ['bytes=99-', 416, ''],
  ['lines=1-2', 200, '0123456789'],
])('answers the range %s with %i', async (range, status, text) => {
  const response = await get('digits', { range })
  expect([response.status, await response.text()]).toEqual([status, text])
})

test('sends the compressed neighbour where the browser takes it', async () => {
  const encoding = await new Promise<string | undefined>((resolve) => {
    request(`${server.url}digits`, { headers: { 'accept-encoding': 'gzip, br' } }, (response) => {
      response.resume()
      resolve(response.headers['content-encoding'])
    }).end()
  })
  expect(encoding).toBe('br')
})

test('a file that did not change is not sent again', async () => {
  const etag = (await get('digits')).headers.get('etag') ?? ''
  expect((await get('digits', { 'if-none-match': etag })).status).toBe(304)
})

test.each(['../etc/passwd', '%2e%2e/%2e%2e/etc/passwd', 'missing', '%', '%00'])(
  'does not serve %s',
  async (path) => {
    const status = await new Promise<number | undefined>((resolve) => {
      request(server.url, { path: `/${path}` }, (response) => {
        response.resume()
        resolve(response.statusCode)
      }).end()
    })
    expect(status).toBe(404)
  },
)
