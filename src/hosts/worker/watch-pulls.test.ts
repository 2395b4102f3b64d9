import { expect, test } from 'vitest'
import type { EngineRequest } from '../../core/engine-http.ts'
import type { PullStatus } from '../../link/playground.ts'
import { watchPulls } from './watch-pulls.ts'

const request: EngineRequest = {
  method: 'POST',
  path: '/v1.51/images/create?fromImage=docker.io%2Flibrary%2Fdebian&tag=12-slim',
  headers: {},
  signal: new AbortController().signal,
  id: 'r1',
}

const body = (...chunks: string[]): ReadableStream<Uint8Array> => new Blob(chunks).stream()

test('shows the sum of the layers, and nothing once the pull has ended', async () => {
  const seen: (readonly PullStatus[])[] = []
  const lines = [
    '{"status":"Downloading","progressDetail":{"current":10,"total":100},"id":"a"}\r\n',
    '{"status":"Downloading","progressDetail":{"current":50,"total":200},"id":"b"}\r\nnot json\n',
    '{"status":"Pull complete","progressDetail":{},"id":"a"}\r\n',
  ]
  const handler = watchPulls(
    async () => ({ status: 200, headers: {}, body: body(...lines) }),
    (pulls) => seen.push(pulls),
  )
  const response = await handler(request)
  expect(await new Response(response.body).text()).toBe(lines.join(''))
  expect(seen).toEqual([
    [{ image: 'debian:12-slim', doneBytes: 0, totalBytes: 0 }],
    [{ image: 'debian:12-slim', doneBytes: 10, totalBytes: 100 }],
    [{ image: 'debian:12-slim', doneBytes: 60, totalBytes: 300 }],
    [{ image: 'debian:12-slim', doneBytes: 150, totalBytes: 300 }],
    [],
  ])
})

test('a pull that the client gives up is forgotten', async () => {
  let last: readonly PullStatus[] = []
  const handler = watchPulls(
    async () => ({ status: 200, headers: {}, body: new ReadableStream() }),
    (pulls) => {
      last = pulls
    },
  )
  const response = await handler(request)
  expect(last).toHaveLength(1)
  await response.body?.cancel()
  expect(last).toEqual([])
})

test('other requests pass untouched', async () => {
  const answer = { status: 200, headers: {}, body: body('x') }
  const handler = watchPulls(
    async () => answer,
    () => expect.unreachable(),
  )
  expect(await handler({ ...request, path: '/v1.51/images/json' })).toBe(answer)
})
