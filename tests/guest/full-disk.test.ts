import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiRequests } from '../bench/api-requests.ts'
import { reader, WRITER, WRITER_IMAGE } from '../support/database-writer.ts'
import { checkDiskOf } from '../support/disk-image.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

const data = mkdtempSync(join(tmpdir(), 'drydock-full-disk-'))
let server: HeadlessServer
let api: ApiRequests

beforeAll(async () => {
  server = await startServer(data)
  api = new ApiRequests(server.socket)
  for (const name of [WRITER_IMAGE, 'busybox:latest']) {
    const [image = '', tag = ''] = name.split(':')
    await api.drain('POST', `/images/create?fromImage=${image}&tag=${tag}`)
  }
})

afterAll(async () => {
  api?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(data, { recursive: true, force: true })
})

async function start(name: string, image: string, command: readonly string[]): Promise<string> {
  const { Id } = await api.json<{ Id: string }>('POST', `/containers/create?name=${name}`, {
    Image: image,
    Cmd: command,
    Env: [`WRITER=${WRITER}`],
    Tty: true,
    HostConfig: { NetworkMode: 'none', Binds: ['data:/data'] },
  })
  await api.json('POST', `/containers/${Id}/start`)
  return Id
}

const said = async (id: string): Promise<string[]> => {
  const text = await api.drain('GET', `/containers/${id}/logs?stdout=1&stderr=1`)
  return text.split(/\r?\n/).filter((line) => line !== '')
}

interface Ended {
  readonly code: number
  readonly lines: readonly string[]
}

async function ended(id: string): Promise<Ended> {
  const { StatusCode } = await api.json<{ StatusCode: number }>('POST', `/containers/${id}/wait`)
  return { code: StatusCode, lines: await said(id) }
}

const sh = async (name: string, script: string): Promise<Ended> =>
  ended(await start(name, 'busybox', ['sh', '-c', script]))

const RECORDS = 200
/** For half of the records, or more. */
const LEFT = 8 << 20

test('a full disk is ENOSPC for who writes; a prune makes room, and the writer goes on', async () => {
  const neighbour = await start('neighbour', 'busybox', [
    'sh',
    '-c',
    'while sleep 0.2; do date > /tmp/now; echo "$?"; done',
  ])
  // It takes no time: what is allocated is not written.
  const { code, lines } = await sh(
    'rubbish',
    `left=$(df -k /data | awk 'NR == 2 { print $4 }'); size=$((left * 1024 - ${LEFT}))
fallocate -l $size /rubbish && echo $size`,
  )
  expect(code).toBe(0)
  const size = Number(lines[0])
  expect(size).toBeGreaterThan(3.5e9)

  const database = await start('database', WRITER_IMAGE, [
    'sh',
    '-c',
    `until perl -e "$WRITER" /data/log ${RECORDS}; do sleep 1; done`,
  ])
  await expect
    .poll(() => said(database), { timeout: 240_000, interval: 500 })
    .toContainEqual(expect.stringMatching(/^(write|fsync): No space left on device/))
  const before = (await said(database)).filter((line) => /^\d+$/.test(line)).length
  expect(before).toBeGreaterThan(50)
  expect(before).toBeLessThan(RECORDS)
  // What needs no more room goes on; what needs some is told so, as by Docker.
  const beats = (await said(neighbour)).length
  await expect.poll(() => said(neighbour)).toSatisfy((all: string[]) => all.length > beats + 5)
  expect(new Set(await said(neighbour))).toEqual(new Set(['0']))
  await expect(start('another', 'busybox', ['true'])).rejects.toThrow(
    /500 .*mkdir .*no space left on device/,
  )

  const pruned = await api.json<{ SpaceReclaimed: number }>('POST', '/containers/prune')
  expect(pruned.SpaceReclaimed).toBeGreaterThanOrEqual(size)
  expect((await ended(database)).lines.at(-1)).toBe(`${RECORDS - 1}`)
  await api.json('POST', `/containers/${neighbour}/kill`)
  expect(await ended(await start('reader', WRITER_IMAGE, reader('/data/log')))).toEqual({
    code: 0,
    lines: [`${RECORDS}`],
  })
  await server[Symbol.asyncDispose]()
  await checkDiskOf(data)
}, 400_000)
