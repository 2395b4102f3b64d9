import { expect, test } from 'vitest'
import type { EventMessage } from '../../src/core/engine-api.ts'
import { openEngine } from '../support/api-client.ts'
import { ImageRegistry, tarOf } from '../support/image-registry.ts'

test('_ping answers GET and HEAD, with and without a version', async () => {
  const { request } = await openEngine()
  for (const path of ['/_ping', '/v1.51/_ping', '/v1.24/_ping']) {
    const get = await request('GET', path)
    expect([get.status, get.text]).toEqual([200, 'OK'])
    const head = await request('HEAD', path)
    expect([head.status, head.text]).toEqual([200, ''])
    expect(head.headers).toMatchObject({
      'api-version': '1.51',
      'docker-experimental': 'false',
      ostype: 'linux',
      server: 'Docker/0.1.0 (linux)',
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '0',
    })
  }
})

test.each([
  [
    '/v1.23/info',
    'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  ],
  ['/v1.52/info', 'client version 1.52 is too new. Maximum supported API version is 1.51'],
  ['/v2.0/info', 'client version 2.0 is too new. Maximum supported API version is 1.51'],
])('%s: %s', async (path, message) => {
  const { request } = await openEngine()
  const answer = await request('GET', path)
  expect([answer.status, answer.json()]).toEqual([400, { message }])
})

test("errors are JSON with Docker's status and sentence", async () => {
  const { request } = await openEngine()
  const cases: [string, string, number, string][] = [
    ['GET', '/nonsense', 404, 'page not found'],
    ['DELETE', '/info', 404, 'page not found'],
    ['GET', '/networks/nope', 404, 'network nope not found'],
    ['DELETE', '/networks/host', 403, 'host is a pre-defined network and cannot be removed'],
    ['GET', '/volumes/nope', 404, 'get nope: no such volume'],
    ['GET', '/plugins/x/json', 404, 'plugin "x" not found'],
    ['POST', '/swarm/leave', 503, 'This node is not part of a swarm'],
    ['GET', '/networks?filters=nonsense', 400, 'invalid filter'],
  ]
  for (const [method, path, status, message] of cases) {
    const answer = await request(method, path)
    expect([path, answer.status, answer.json()]).toEqual([path, status, { message }])
    expect(answer.headers['content-type']).toBe('application/json')
  }
  expect((await request('GET', '/swarm')).status).toBe(503)
  const truncated = await request('POST', '/networks/create', { body: '{"Name":' })
  expect([truncated.status, truncated.json()]).toEqual([
    400,
    { message: 'invalid JSON: unexpected EOF' },
  ])
  const nameless = await request('POST', '/networks/create', { body: {} })
  expect(nameless.json()).toEqual({ message: 'invalid name: name is empty' })
  const plain = await request('POST', '/auth', {
    body: {},
    headers: { 'content-type': 'text/plain' },
  })
  expect(plain.json()).toEqual({
    message: "unsupported Content-Type header (text/plain): must be 'application/json'",
  })
})

test('info and version answer without a machine, and say so', async () => {
  const { request } = await openEngine()
  const info = (await request('GET', '/info')).json<Record<string, unknown>>()
  expect(info).toMatchObject({
    ID: 'test',
    Images: 0,
    OSType: 'linux',
    Architecture: 'i686',
    ServerVersion: '0.1.0',
    OperatingSystem: 'Drydock 0.1.0',
    Swarm: { LocalNodeState: 'inactive' },
    ContainerdCommit: { ID: 'N/A' },
    RuncCommit: { ID: 'N/A' },
    InitCommit: { ID: 'N/A' },
  })
  expect(info['Warnings']).toContain('WARNING: The machine does not answer: no guest is running')
  expect((await request('GET', '/version')).json()).toMatchObject({
    Version: '0.1.0',
    ApiVersion: '1.51',
    MinAPIVersion: '1.24',
    Components: [{ Name: 'Engine', Details: { ApiVersion: '1.51' } }],
  })
  const networks = (await request('GET', '/networks')).json<{ Name: string }[]>()
  expect(networks.map(({ Name }) => Name)).toEqual(['bridge', 'host', 'none'])
  const diagnostics = (await request('GET', '/drydock/diagnostics')).json<{
    log: { text: string; request: string }[]
  }>()
  expect(diagnostics.log[0]).toMatchObject({ text: 'GET /info 200', request: 'test-1' })
})

test('events: from now on, from the past, until a time, filtered', async () => {
  const registry = new ImageRegistry()
  registry.add('library/demo:latest', { layers: [tarOf({ file: 'x' })] })
  const { request, engine, handler } = await openEngine({ registry })
  const gone = new AbortController()
  const live = await handler({
    method: 'GET',
    path: '/events?filters={"type":["image"],"event":["pull"]}',
    headers: {},
    signal: gone.signal,
    id: 'events',
  })
  const start = engine.context.clock.now() / 1000 - 1
  await request('POST', '/images/create?fromImage=demo&tag=latest')
  await request('POST', '/images/demo/tag?repo=mine')
  gone.abort()
  const [event, ...rest] = (await new Response(live.body).text()).trim().split('\n')
  expect(rest).toEqual([])
  expect(JSON.parse(event ?? '')).toMatchObject({
    status: 'pull',
    id: 'demo:latest',
    Type: 'image',
    Action: 'pull',
    Actor: { ID: 'demo:latest', Attributes: { name: 'demo' } },
    scope: 'local',
  })
  const until = engine.context.clock.now() / 1000 + 0.05
  const past = await request('GET', `/events?since=${start.toFixed(3)}&until=${until.toFixed(3)}`)
  expect(past.lines<EventMessage>().map(({ Action }) => Action)).toEqual(['pull', 'tag'])
  expect(engine.context.events.listeners).toBe(0)
})
