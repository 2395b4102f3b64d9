import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiRequests } from '../bench/api-requests.ts'
import { reader, writer, WRITER_IMAGE } from '../support/database-writer.ts'
import { checkDiskOf } from '../support/disk-image.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

// A filesystem of its own needs root, as CI is.
const folder = mkdtempSync(join(tmpdir(), 'drydock-full-'))
let server: HeadlessServer
let api: ApiRequests
let log = ''

beforeAll(async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=320m', 'drydock', folder])
  server = await startServer(folder)
  server.process.stderr?.on('data', (chunk) => {
    log += String(chunk)
  })
  api = new ApiRequests(server.socket)
  const [image = '', tag = ''] = WRITER_IMAGE.split(':')
  await api.drain('POST', `/images/create?fromImage=${image}&tag=${tag}`)
})

afterAll(async () => {
  api?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  execFileSync('umount', [folder])
  rmSync(folder, { recursive: true })
})

const start = async (name: string, command: readonly string[]): Promise<string> => {
  const { Id } = await api.json<{ Id: string }>('POST', `/containers/create?name=${name}`, {
    Image: WRITER_IMAGE,
    Cmd: command,
    HostConfig: { NetworkMode: 'none', Binds: ['data:/data'] },
  })
  await api.json('POST', `/containers/${Id}/start`)
  return Id
}

const finished = async (name: string, command: readonly string[]): Promise<string> => {
  const id = await start(name, command)
  const { StatusCode } = await api.json<{ StatusCode: number }>('POST', `/containers/${id}/wait`)
  const text = await api.drain('GET', `/containers/${id}/logs?stdout=1&stderr=1`)
  expect({ StatusCode, text }).toMatchObject({ StatusCode: 0 })
  return text.slice(8).trim()
}

const acknowledged = async (id: string): Promise<number> => {
  const text = await api.drain('GET', `/containers/${id}/logs?stdout=1&tail=1`)
  return text === '' ? -1 : Number(text.slice(8))
}

const room = (): number => {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

test('a full filesystem pauses a database, which goes on when a prune has made room', async () => {
  await finished('rubbish', [
    'dd',
    'if=/dev/zero',
    'of=/rubbish',
    'bs=1M',
    'count=40',
    'conv=fsync',
  ])
  await api.json('POST', '/volumes/create', { Name: 'data' })
  // Something else takes the rest, but for what the writer will need soon.
  const ballast = join(folder, 'ballast')
  writeFileSync(ballast, Buffer.alloc(Math.max(0, room() - (50 << 20)), 1))
  const id = await start('database', writer('/data/log', 400))
  await expect.poll(() => log, { timeout: 120_000, interval: 100 }).toContain('is full')
  expect(log).toContain('docker system prune')
  // It stands still, and says nothing more.
  let before = -2
  await expect
    .poll(async () => {
      const last = before
      before = await acknowledged(id)
      return last === before
    })
    .toBe(true)
  await expect(start('another', ['true'])).rejects.toThrow(/503 .*docker system prune/)
  const { State } = await api.json<{ State: { Running: boolean } }>('GET', `/containers/${id}/json`)
  expect(State.Running).toBe(true)
  const pruned = await api.json<{ ContainersDeleted: string[] }>('POST', '/containers/prune')
  expect(pruned.ContainersDeleted).toHaveLength(2)
  await expect.poll(() => log, { timeout: 120_000, interval: 100 }).toContain('room again')
  const { StatusCode } = await api.json<{ StatusCode: number }>('POST', `/containers/${id}/wait`)
  expect({ StatusCode, text: await acknowledged(id) }).toEqual({ StatusCode: 0, text: 399 })
  expect(await finished('reader', reader('/data/log'))).toBe('400')
  await server[Symbol.asyncDispose]()
  await checkDiskOf(folder)
}, 400_000)
