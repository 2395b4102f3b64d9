import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { startServer } from '../support/headless-server.ts'
import { tarOf } from '../support/image-registry.ts'
import { ApiRequests, runTrue, timed } from './api-requests.ts'
import { bigWrites, busyWriter, coldRead, numbersOf, syncedWrites } from './disk-programs.ts'
import { percentile } from './figures.ts'
import { record } from './record.ts'

const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-bench-disk-'))
  folders.push(folder)
  return folder
}
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

const container = (command: readonly string[]) => ({
  Image: 'debian:12-slim',
  Cmd: command,
  Tty: true,
  HostConfig: { NetworkMode: 'none', Binds: ['data:/data'] },
})

/** Run to the end. @returns what it printed */
async function output(api: ApiRequests, command: readonly string[]): Promise<string> {
  const { Id } = await api.json<{ Id: string }>('POST', '/containers/create', container(command))
  await api.json('POST', `/containers/${Id}/start`)
  const { StatusCode } = await api.json<{ StatusCode: number }>('POST', `/containers/${Id}/wait`)
  const text = await api.drain('GET', `/containers/${Id}/logs?stdout=1&stderr=1`)
  if (StatusCode !== 0) throw new Error(`ended with ${StatusCode}: ${text}`)
  await api.json('DELETE', `/containers/${Id}`)
  return text
}

test('a volume', async () => {
  const data = newFolder()
  {
    await using server = await startServer(data)
    using api = new ApiRequests(server.socket)
    await api.drain('POST', '/images/create?fromImage=debian&tag=12-slim')
    record('disk-sync', numbersOf(await output(api, syncedWrites(800))).slice(200))
    record('disk-write', numbersOf(await output(api, bigWrites(64, 7))).slice(1))
  }
  const reads: number[] = []
  for (let round = 0; round < 5; round++) {
    await using server = await startServer(data)
    using api = new ApiRequests(server.socket)
    // The program comes out of the image first, and is no part of the figure.
    await output(api, ['perl', '-e', '1'])
    reads.push(...numbersOf(await output(api, coldRead)))
  }
  record('disk-read', reads)
})

test('run beside a container that writes all the time', async () => {
  await using server = await startServer()
  using api = new ApiRequests(server.socket)
  await api.drain('POST', '/images/create?fromImage=busybox&tag=latest')
  await api.drain('POST', '/images/create?fromImage=debian&tag=12-slim')
  await timed(30, () => runTrue(api))
  const quiet = percentile(await timed(40, () => runTrue(api)), 0.95)
  const { Id } = await api.json<{ Id: string }>('POST', '/containers/create', container(busyWriter))
  await api.json('POST', `/containers/${Id}/start`)
  await timed(5, () => runTrue(api))
  const beside = percentile(await timed(40, () => runTrue(api)), 0.95)
  record('run-beside-writer', [(100 * beside) / quiet])
})

test('start with 200 containers and 20 images', async () => {
  const started = async (data: string): Promise<number> => {
    const before = performance.now()
    const server = await startServer(data)
    const after = performance.now()
    await server[Symbol.asyncDispose]()
    return after - before
  }
  const [empty, full] = [newFolder(), newFolder()]
  await started(empty)
  {
    await using server = await startServer(full)
    using api = new ApiRequests(server.socket)
    for (let image = 0; image < 20; image++) {
      const files = { [`bin/program-${image}`]: 'x'.repeat(10_000), 'etc/': '' }
      await api.load(tarOf(files), `/images/create?fromSrc=-&repo=image-${image}&tag=1`)
    }
    for (let index = 0; index < 200; index++)
      await api.json('POST', `/containers/create?name=container-${index}`, {
        ...container(['true']),
        Image: `image-${index % 20}:1`,
      })
  }
  const differences: number[] = []
  for (let round = 0; round < 7; round++)
    differences.push(-(await started(empty)) + (await started(full)))
  record('start-stored', differences)
})
