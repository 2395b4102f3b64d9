import { mkdtempSync, rmSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ApiRequests } from '../bench/api-requests.ts'
import { progress, survivor } from '../support/database-writer.ts'
import { checkDiskOf } from '../support/disk-image.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

const ROUNDS = 30
const data = mkdtempSync(join(tmpdir(), 'drydock-kill-'))
afterAll(() => rmSync(data, { recursive: true, force: true }))

/** What a container says from now on, as far as it has come here. */
async function follow(server: HeadlessServer, since: number): Promise<() => string> {
  let text = ''
  const path = `/v1.51/containers/db/logs?follow=1&stdout=1&stderr=1&since=${since / 1000}`
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath: server.socket, path }, resolve).on('error', reject).end()
  })
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  // The server is going to be killed.
  response.on('error', () => undefined)
  return () => text
}

test(`drydock serve killed ${ROUNDS} times under a writer: all that it has acknowledged is there`, async () => {
  {
    await using server = await startServer(data)
    using api = new ApiRequests(server.socket)
    const body = survivor('/data/log')
    const [image = '', tag = ''] = String(body['Image']).split(':')
    await api.drain('POST', `/images/create?fromImage=${image}&tag=${tag}`)
    await api.json('POST', '/containers/create?name=db', body)
    await api.json('POST', '/containers/db/start')
  }
  let expected = 0
  let acknowledged = 0
  for (let round = 0; round < ROUNDS; round++) {
    const since = Date.now()
    await using server = await startServer(data)
    using api = new ApiRequests(server.socket)
    await expect
      .poll(
        async () => {
          const { State } = await api.json<{ State: { Running: boolean } }>(
            'GET',
            '/containers/db/json',
          )
          return State.Running
        },
        { timeout: 120_000, interval: 20 },
      )
      .toBe(true)
    const output = await follow(server, since)
    const moment = Math.random() * 400
    let writing: number | undefined
    await expect
      .poll(
        () => {
          const { found = 0, last = -1 } = progress(output()) ?? {}
          if (last < found) return `it says ${output()}`
          writing ??= performance.now()
          return performance.now() - writing > moment ? 'it writes' : 'it has begun'
        },
        { timeout: 120_000, interval: 3 },
      )
      .toBe('it writes')
    await server.kill()
    const { found = -1, last = -1 } = progress(output()) ?? {}
    expect(found, `round ${round}`).toBeGreaterThanOrEqual(expected)
    expected = last + 1
    acknowledged += last + 1 - found
  }
  expect(acknowledged).toBeGreaterThanOrEqual(ROUNDS)
  await checkDiskOf(data)
}, 600_000)
