import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { dockerClient } from '../../src/client/client.ts'
import { apply, type ApplyOptions } from '../../src/compose/converge/apply.ts'
import { start } from '../../src/compose/converge/start.ts'
import type { Session } from '../../src/compose/converge/session.ts'
import type { Project } from '../../src/compose/project.ts'
import { engineSocket } from '../../src/hosts/node/engine-socket.ts'
import { runDocker } from '../support/run-docker.ts'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

// The real docker compose and ours on one engine: what one has made the other knows, and finds nothing to do.
const file = `
name: mixed
services:
  web:
    image: busybox
    command: ["sh", "-c", "echo '<hello>'; exec httpd -f -p 80 -h /data"]
    ports: ["18081:80"]
    depends_on:
      job: {condition: service_completed_successfully}
      cache: {condition: service_healthy, restart: true}
    volumes: ["data:/data", "/anonymous"]
    networks: {front: {aliases: [www]}, back: {}}
    configs: [{source: motd, target: /etc/motd}]
    mem_limit: 20m
    labels: {a: b}
    stop_grace_period: 1s
  cache:
    image: busybox
    command: ["sh", "-c", "touch /tmp/ready; exec sleep 1000"]
    init: true
    healthcheck: {test: ["CMD", "test", "-e", "/tmp/ready"], interval: 1s}
    networks: [back]
    scale: 2
    stop_grace_period: 1s
  job:
    image: busybox
    command: ["sh", "-c", "echo made > /data/index.html"]
    volumes: ["data:/data"]
    networks: [back]
networks: {front: {}, back: {internal: true}}
volumes: {data: {}}
configs: {motd: {content: "welcome"}}
`

const folder = mkdtempSync(join(tmpdir(), 'drydock-compose-'))
const path = join(folder, 'compose.yaml')
writeFileSync(path, file)

let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
}, 180_000)

afterEach(async () => {
  await real('down', '-v', '--remove-orphans', '-t', '0')
}, 60_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const real = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await docker.run(['compose', '-f', path, ...args])
  expect(`${code} ${stderr}`).toMatch(/^0 /)
  return stdout + stderr
}

/** The project as the real compose reads it. */
async function projectOf(): Promise<Project> {
  const { stdout } = await docker.run(['compose', '-f', path, 'config', '--format', 'json'])
  const { name, services, networks, volumes, configs } = JSON.parse(stdout) as Project
  return {
    name,
    services,
    networks,
    volumes,
    configs,
    secrets: {},
    models: {},
    extensions: {},
    workingDirectory: folder,
    composeFiles: [path],
    environment: {},
    profiles: [],
    disabledServices: {},
  }
}

/** What `up` does with it; gives the progress. */
async function ourUp(project: Project, options: Partial<ApplyOptions> = {}): Promise<string[]> {
  const told: string[] = []
  const session: Session = {
    client: dockerClient(engineSocket(server.address)),
    progress: {
      event: (resource, _, status) => void told.push(`${resource} ${status}`),
      aside: (act) => act(),
    },
    signal: AbortSignal.timeout(120_000),
    warn: (message) => void told.push(message),
    readFile: () => Promise.reject(new Error('no file is asked for')),
  }
  await apply(session, project, {
    images: { build: () => Promise.reject(new Error('nothing is built')) },
    services: [],
    recreate: 'diverged',
    recreateDependencies: 'diverged',
    inherit: true,
    removeOrphans: false,
    ignoreOrphans: false,
    replaceDivergedVolumes: false,
    known: Object.keys(project.services),
    ...options,
  })
  await start(session, project, { wait: true })
  return told
}

const ids = async (): Promise<string> =>
  docker.output('ps', '-aq', '--no-trunc', '--filter', 'label=com.docker.compose.project=mixed')

test('what ours has made the real one finds as it should be', async () => {
  const told = await ourUp(await projectOf())
  expect(told).toContain('Container mixed-job-1 Exited')
  expect(told.indexOf('Container mixed-cache-2 Healthy')).toBeLessThan(
    told.indexOf('Container mixed-web-1 Starting'),
  )
  const made = await ids()
  const again = await real('up', '-d')
  expect(again).not.toMatch(/Recreate|Creating/)
  expect(await ids()).toBe(made)
  expect(await real('exec', '-T', 'web', 'cat', '/data/index.html', '/etc/motd')).toBe(
    'made\nwelcome',
  )
  // The service's name leads to it on the network that both are on; its alias is the other network's alone.
  const finds = async (name: string): Promise<number> =>
    (await docker.run(['compose', '-f', path, 'exec', '-T', 'cache', 'ping', '-c', '1', name])).code
  expect([await finds('web'), await finds('www')]).toEqual([0, 1])
}, 120_000)

test('what the real one has made ours finds as it should be', async () => {
  await real('up', '-d', '--wait')
  const made = await ids()
  const told = await ourUp(await projectOf())
  expect(told.filter((line) => /Creat|Recreat|orphan/.test(line))).toEqual([])
  expect(told).toContain('Container mixed-web-1 Running')
  expect(await ids()).toBe(made)
}, 120_000)

test('only what changed is made anew, and keeps its anonymous volume', async () => {
  const project = await projectOf()
  await ourUp(project)
  const volumeOf = (): Promise<string> =>
    docker.output(
      'inspect',
      '-f',
      '{{range .Mounts}}{{if eq .Destination "/anonymous"}}{{.Name}}{{end}}{{end}}',
      'mixed-web-1',
    )
  const volume = await volumeOf()
  const { web, cache, job } = project.services
  if (!web || !cache || !job) throw new Error('the file has three services')
  const changed = { ...web, labels: { a: 'c' } }
  const told = await ourUp({
    ...project,
    services: { cache: { ...cache, scale: 1 }, job, web: changed },
  })
  expect(told.filter((line) => / (Recreated|Removed)$/.test(line)).toSorted()).toEqual([
    'Container mixed-cache-2 Removed',
    'Container mixed-web-1 Recreated',
  ])
  expect(await volumeOf()).toBe(volume)
  expect(volume).toMatch(/^[0-9a-f]{64}\n$/)
}, 120_000)

test("our ps, logs, ls, stop, start and down on the real one's stack", async () => {
  await real('up', '-d', '--wait')
  const ours = (...args: string[]): ReturnType<typeof runDocker> =>
    runDocker(server.address, ['compose', '-p', 'mixed', ...args])
  const listed = await ours('ps', '-a', '--format', '{{.Name}} {{.Service}} {{.State}} {{.Ports}}')
  const expected = await real(
    'ps',
    '-a',
    '--format',
    '{{.Name}} {{.Service}} {{.State}} {{.Ports}}',
  )
  expect(listed.stdout).toBe(expected)
  const byOurs = await ours('logs', 'web')
  expect(byOurs.stdout).toBe(await real('logs', 'web'))
  expect((await ours('ls', '-a')).stdout).toBe(await docker.output('compose', 'ls', '-a'))
  await ours('stop', '-t', '0', 'web')
  expect(await real('ps', '-q', 'web')).toBe('')
  await ours('start', 'web')
  expect(await real('ps', '-q', 'web')).toMatch(/^[0-9a-f]{64}\n$/)
  const { code, stderr } = await ours('down', '-v', '-t', '0')
  expect(code).toBe(0)
  expect(stderr).toMatch(/ Container mixed-web-1 {2}Removed\n/)
  expect(await ids()).toBe('')
  expect(await docker.output('volume', 'ls', '-q', '--filter', 'name=mixed_')).toBe('')
  expect(await docker.output('network', 'ls', '-q', '--filter', 'name=mixed_')).toBe('')
}, 120_000)
