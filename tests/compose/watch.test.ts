import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { runDocker } from '../support/run-docker.ts'

const file = `
name: watch
services:
  web:
    build: ./web
    init: true
    stop_grace_period: 1s
    develop:
      watch:
        - {path: ./web/src, action: sync, target: /srv, ignore: [skipped/]}
        - {path: ./web/conf, action: sync+restart, target: /conf}
        - {path: ./web/Dockerfile, action: rebuild}
        - {path: ./web/first, action: sync+exec, target: /first, initial_sync: true, include: ["*.txt"], exec: {command: [cp, -r, /first, /ran]}}
  beside:
    image: busybox
    command: [sleep, "1000"]
    init: true
    depends_on: {web: {condition: service_started, restart: true}}
  plain:
    profiles: [plain]
    image: busybox
`
const dockerfile = 'FROM busybox\nCOPY src /srv\nCMD ["sleep", "1000"]\n'
const program = new URL('../../dist/node/drydock.js', import.meta.url).pathname

const folder = mkdtempSync(join(tmpdir(), 'drydock-watch-'))
const path = join(folder, 'compose.yaml')
const web = (name: string): string => join(folder, 'web', name)
mkdirSync(web('src/skipped'), { recursive: true })
mkdirSync(web('conf'))
mkdirSync(web('first'))
writeFileSync(web('first/a.txt'), 'a\n')
writeFileSync(web('first/b.md'), 'b\n')
writeFileSync(path, file)
writeFileSync(web('Dockerfile'), dockerfile)
writeFileSync(web('.dockerignore'), '**/*.tmp\n')
writeFileSync(web('src/page'), 'one\n')
writeFileSync(web('src/old'), 'old\n')

let server: HeadlessServer
let docker: DockerCli
let watching: ChildProcess | undefined
let told = ''

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
}, 180_000)

afterAll(async () => {
  watching?.kill('SIGKILL')
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const inspect = async (format: string): Promise<string> =>
  (await docker.output('inspect', '-f', format, 'watch-web-1')).trimEnd()

const shell = async (script: string): Promise<string> =>
  (await docker.run(['exec', 'watch-web-1', 'sh', '-c', script])).stdout

const eventually = { timeout: 60_000, interval: 200 }

test('nothing to watch is an error', async () => {
  const args = ['compose', '-f', path, 'watch', 'plain']
  expect(await runDocker(server.address, args)).toMatchObject({
    code: 1,
    stderr:
      "none of the selected services is configured for watch, consider setting a 'develop' section\n",
  })
}, 60_000)

test('watch starts the project, and brings files into it and out of it', async () => {
  const args = ['docker', '--host', server.address, 'compose', '-f', path, 'watch']
  watching = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  watching.stdout?.on('data', (bytes: Uint8Array) => (told += String(bytes)))
  watching.stderr?.on('data', (bytes: Uint8Array) => (told += String(bytes)))
  await expect.poll(() => told, { ...eventually, timeout: 120_000 }).toContain('Watch enabled\n')

  expect(await shell('ls /first /ran')).toBe('/first:\na.txt\n\n/ran:\na.txt\n')

  writeFileSync(web('src/page'), 'two, longer\n')
  await expect.poll(() => shell('cat /srv/page'), eventually).toBe('two, longer\n')
  expect(told).toContain('Syncing service "web" after 1 changes were detected\n')

  writeFileSync(web('src/left.tmp'), '')
  writeFileSync(web('src/skipped/file'), '')
  mkdirSync(web('src/deep'))
  writeFileSync(web('src/deep/new'), 'new\n')
  await expect.poll(() => shell('cat /srv/deep/new'), eventually).toBe('new\n')
  expect(await shell('ls /srv/left.tmp /srv/skipped/file')).toBe('')

  rmSync(web('src/old'))
  rmSync(web('src/deep'), { recursive: true })
  await expect.poll(() => shell('ls /srv'), eventually).toBe('page\nskipped\n')
}, 240_000)

test('sync+restart restarts the container that has the file', async () => {
  const id = await inspect('{{.Id}}')
  const began = await inspect('{{.State.StartedAt}}')
  writeFileSync(web('conf/main'), 'set\n')
  await expect.poll(() => told, eventually).toContain('service(s) ["web"] restarted\n')
  expect(await shell('cat /conf/main')).toBe('set\n')
  expect(await inspect('{{.Id}}')).toBe(id)
  expect(await inspect('{{.State.StartedAt}}')).not.toBe(began)
}, 120_000)

test('rebuild makes the container anew, and Ctrl-C ends', async () => {
  const id = await inspect('{{.Id}}')
  writeFileSync(web('Dockerfile'), `${dockerfile}ENV REBUILT=yes\n`)
  await expect.poll(() => told, eventually).toContain('service(s) ["web"] successfully built\n')
  await expect.poll(() => shell('echo $REBUILT'), eventually).toBe('yes\n')
  expect(await inspect('{{.Id}}')).not.toBe(id)
  const running = (): Promise<string> =>
    docker.output('ps', '-q', '--filter', 'name=watch-beside-1')
  await expect.poll(running, eventually).not.toBe('')
  const ended = once(watching as ChildProcess, 'exit')
  watching?.kill('SIGINT')
  expect(await ended).toEqual([130, null])
}, 180_000)
