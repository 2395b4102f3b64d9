import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startRealRegistry, type RealRegistry } from '../support/real-registry.ts'
import { startRelay, type TestRelay } from '../support/relay.ts'

// Registries by the relay, for a page that can't reach them: a real docker-registry, and one that is up to no good.

let registry: RealRegistry
let evil: Server
let relay: TestRelay
let closed: number
/** What the other one was asked. */
const asked: string[] = []

beforeAll(async () => {
  registry = await startRealRegistry('busybox:latest', 'lab/busybox:1')
  const secret = createServer((_, response) => response.end('secret'))
  evil = createServer((incoming, response) => {
    asked.push(`${incoming.url} ${incoming.headers.authorization ?? ''}`)
    const to = {
      '/v2/loopback': `http://127.0.0.1:${closed}/`,
      '/v2/metadata': 'http://169.254.169.254/latest/',
      '/v2/mapped': `http://[::ffff:7f00:1]:${closed}/`,
      '/v2/file': 'file:///etc/passwd',
      '/v2/again': '/v2/again',
      '/v2/registry': `http://localhost:${registry.port}/v2/`,
    }[incoming.url ?? '']
    if (to === undefined) response.end('fine')
    else response.writeHead(302, { location: to }).end()
  })
  secret.listen(0, '127.0.0.1')
  evil.listen(0, '127.0.0.1')
  await Promise.all([once(secret, 'listening'), once(evil, 'listening')])
  closed = (secret.address() as AddressInfo).port
  relay = await startRelay({ allow: [`localhost:${registry.port}`, `localhost:${portOf(evil)}`] })
}, 60_000)

afterAll(async () => {
  evil?.close()
  await relay?.[Symbol.asyncDispose]()
  await registry?.[Symbol.asyncDispose]()
})

const portOf = (server: Server): number => (server.address() as AddressInfo).port

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** As the page asks, unless told otherwise. */
async function ask(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<Answer> {
  const sent = request(`${relay.origin}/relay/registry/${path}`, {
    method,
    headers: { origin: relay.origin, 'x-relay-token': relay.server.token, ...headers },
  }).end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const body: Buffer[] = []
  for await (const bytes of answer) body.push(bytes as Buffer)
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(body) }
}

const ours = (): string => `http/localhost:${registry.port}/v2/lab/busybox`
const theirs = (): string => `http/localhost:${portOf(evil)}/v2`

test('an image of a real registry, whole', async () => {
  const accept = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await ask(`${ours()}/manifests/1`, { accept })
  expect(manifest.status).toBe(200)
  expect(manifest.headers['content-type']).toBe(accept)
  const digest = `sha256:${createHash('sha256').update(manifest.body).digest('hex')}`
  expect(manifest.headers['docker-content-digest']).toBe(digest)
  const { layers } = JSON.parse(String(manifest.body)) as { layers: { digest: string }[] }
  const [layer] = layers
  const blob = await ask(`${ours()}/blobs/${layer?.digest}`)
  expect(`sha256:${createHash('sha256').update(blob.body).digest('hex')}`).toBe(layer?.digest)
  const part = await ask(`${ours()}/blobs/${layer?.digest}`, { range: 'bytes=0-9' })
  expect(part.body).toEqual(blob.body.subarray(0, 10))
  expect((await ask(`${ours()}/manifests/nosuch`)).status).toBe(404)
  expect((await ask(`${ours()}/manifests/1`, {}, 'HEAD')).body).toHaveLength(0)
})

test.each(['loopback', 'metadata', 'mapped', 'file', 'again'])(
  'a redirect leads nowhere: %s',
  async (path) => {
    const { status, headers, body } = await ask(`${theirs()}/${path}`)
    expect([403, 502]).toContain(status)
    expect(headers['x-relay-error']).toBe('1')
    expect(String(body)).not.toContain('secret')
  },
)

test('what a registry wants as authorization goes to that registry alone', async () => {
  const headers = { 'x-registry-authorization': 'Bearer mine' }
  await ask(`${theirs()}/plain`, headers)
  expect(asked.at(-1)).toBe('/v2/plain Bearer mine')
  expect((await ask(`${theirs()}/registry`, headers)).status).toBe(200)
  // The page's own, and the relay's, stay where they are.
  await ask(`${theirs()}/plain`, { authorization: 'Bearer page', cookie: 'a=b' })
  expect(asked.at(-1)).toBe('/v2/plain ')
})

test.each([
  ['no token', { 'x-relay-token': '' }, 'GET', 403],
  ['a wrong token', { 'x-relay-token': 'wrong' }, 'GET', 403],
  ['another origin', { origin: 'https://evil.example' }, 'GET', 403],
  ['a POST', {}, 'POST', 405],
  ['a DELETE', {}, 'DELETE', 405],
])('%s is refused', async (_, headers, method, status) => {
  const before = asked.length
  const answer = await ask(`${theirs()}/plain`, headers, method)
  expect(answer.status).toBe(status)
  expect(asked).toHaveLength(before)
})

test.each([
  'http/127.0.0.1:CLOSED/',
  'http/[::1]:CLOSED/',
  'http/2130706433:CLOSED/',
  'https/10.0.0.1/',
])('%s is closed', async (path) => {
  const answer = await ask(path.replace('CLOSED', String(closed)))
  expect(answer.status).toBe(403)
  expect(String(answer.body)).toContain('not open')
})

test('a page of another origin is told so before it asks, and ours may ask', async () => {
  const preflight = (origin: string): Promise<Answer> =>
    ask(`${theirs()}/plain`, { origin, 'access-control-request-method': 'GET' }, 'OPTIONS')
  expect(
    (await preflight('https://evil.example')).headers['access-control-allow-origin'],
  ).toBeUndefined()
  const allowed = await preflight(relay.origin)
  expect(allowed.headers['access-control-allow-origin']).toBe(relay.origin)
  expect(allowed.headers['access-control-allow-headers']).toContain('x-relay-token')
})
