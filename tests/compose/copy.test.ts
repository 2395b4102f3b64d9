import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { runDocker } from '../support/run-docker.ts'

// cp and stats of a service that has two containers; another project stands beside it.
const file = `
name: copies
services:
  web: {image: busybox, command: [sleep, "1000"], init: true, scale: 2}
  idle: {image: busybox, command: ["true"]}
`
const folder = mkdtempSync(join(tmpdir(), 'drydock-copy-'))
const path = join(folder, 'compose.yaml')
const local = (name: string): string => join(folder, name)
writeFileSync(path, file)

let server: HeadlessServer
let docker: DockerCli

const ours = (...args: string[]): ReturnType<typeof runDocker> =>
  runDocker(server.address, ['compose', '-f', path, ...args])

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
  await docker.output('run', '-d', '--name', 'stranger', '--init', 'busybox', 'sleep', '1000')
  expect(await ours('up', '-d')).toEqual({ code: 0, stdout: '', stderr: expect.any(String) })
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const content = (container: string, name: string): Promise<string> =>
  docker.output('exec', container, 'cat', name)

test('a file goes to every container of the service', async () => {
  writeFileSync(local('greeting'), 'hello\n')
  const copied = await ours('cp', local('greeting'), 'web:/tmp/greeting')
  expect(copied).toMatchObject({ code: 0, stdout: '' })
  for (const name of ['copies-web-1', 'copies-web-2']) {
    const what = `${name} copy ${local('greeting')} to ${name}:/tmp/greeting`
    expect(copied.stderr).toContain(` ${what} Copying\n`)
    expect(copied.stderr).toContain(` ${what} Copied\n`)
    expect(await content(name, '/tmp/greeting')).toBe('hello\n')
  }
})

test('--index chooses one; a folder comes back from it', async () => {
  mkdirSync(local('site'))
  writeFileSync(local('site/index.html'), 'second\n')
  await ours('cp', '--index', '2', local('site'), 'web:/tmp')
  expect(await content('copies-web-2', '/tmp/site/index.html')).toBe('second\n')
  await expect(content('copies-web-1', '/tmp/site/index.html')).rejects.toThrow()
  const back = await ours('cp', '--index', '2', 'web:/tmp/site', local('back'))
  expect(back).toMatchObject({ code: 0 })
  expect(readFileSync(local('back/index.html'), 'utf8')).toBe('second\n')
})

test('a container that has ended is copied from, too', async () => {
  expect(await ours('cp', 'idle:/etc/passwd', local('passwd'))).toMatchObject({ code: 0 })
  expect(readFileSync(local('passwd'), 'utf8')).toMatch(/^root:/)
})

test('what cannot be copied is refused in the words of docker compose 2.40', async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await ours('cp', ...args)
    expect(code).toBe(1)
    return stderr
  }
  const greeting = local('greeting')
  expect(await refused(greeting, 'none:/x')).toBe('no container found for service "none"\n')
  expect(await refused(greeting, '/x')).toBe('unknown copy direction\n')
  expect(await refused('web:/a', 'idle:/b')).toBe('copying between services is not supported\n')
  expect(await refused('', 'web:/x')).toBe('source can not be empty\n')
  expect(await refused('--index', '3', greeting, 'web:/x')).toBe(
    'service "web" is not running container #3\n',
  )
  expect(await refused('web:/nope', local('x'))).toMatch(
    /Error response from daemon: Could not find the file \/nope in container [0-9a-f]{64}\n$/,
  )
  expect(await refused(local('nope'), 'web:/x')).toMatch(/no such file or directory\n$/)
})

test('stats are of the project, or of one service of it', async () => {
  const names = async (...args: string[]): Promise<readonly string[]> => {
    const { code, stdout } = await ours('stats', '--no-stream', '--format', '{{.Name}}', ...args)
    expect(code).toBe(0)
    return stdout.trim().split('\n').toSorted()
  }
  expect(await names()).toEqual(['copies-web-1', 'copies-web-2'])
  expect(await names('web')).toEqual(['copies-web-1', 'copies-web-2'])
  expect(await names('none')).toEqual([''])
  expect(await names('--all', 'idle')).toHaveLength(1)
  expect((await ours('stats', '--no-stream', 'web')).stdout).toMatch(
    /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT/,
  )
  expect((await ours('stats', 'web', 'idle')).code).toBe(1)
})
