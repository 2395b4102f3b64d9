import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { runDocker } from '../support/run-docker.ts'

// build, up --build, exec, run, pull and push on one stack: ours does it, the real CLI looks at what came of it.
const file = `
name: verbs
services:
  web:
    build:
      context: ./web
      args: {GREETING: hello}
      labels: {kept: "yes"}
    ports: ["18091:80"]
    environment: {PLACE: web}
    restart: always
    stop_grace_period: 1s
    depends_on: [cache]
  cache:
    image: busybox
    command: ["sleep", "1000"]
    init: true
    stop_grace_period: 1s
  inline:
    profiles: [other]
    build:
      additional_contexts: {base: "service:web"}
      dockerfile_inline: |
        FROM base
        RUN echo inline > /inline
`
const dockerfile = `
FROM busybox
ARG GREETING
RUN echo "$GREETING" > /greeting
CMD ["sleep", "1000"]
`

const folder = mkdtempSync(join(tmpdir(), 'drydock-verbs-'))
const path = join(folder, 'compose.yaml')
writeFileSync(path, file)
mkdirSync(join(folder, 'web'))
writeFileSync(join(folder, 'web', 'Dockerfile'), dockerfile)

let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const ours = (...args: string[]): ReturnType<typeof runDocker> =>
  runDocker(server.address, ['compose', '-f', path, ...args])

const inspect = async (container: string, format: string): Promise<string> =>
  (await docker.output('inspect', '-f', format, container)).trimEnd()

test('--no-build builds nothing, and makes nothing of an image that is missing', async () => {
  for (const verb of [['up', '-d'], ['create']]) {
    const refused = await ours(...verb, '--no-build')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/No such image: verbs-web/)
    expect(refused.stderr).not.toMatch(/Built/)
    const both = await ours(...verb, '--no-build', '--build')
    expect(both).toMatchObject({ code: 1, stderr: '--build and --no-build are incompatible\n' })
  }
  expect(await docker.output('ps', '-aq')).toBe('')
}, 60_000)

test('up builds an image that is missing, and build what it begins with', async () => {
  const up = await ours('up', '-d')
  expect(up).toMatchObject({ code: 0 })
  expect(up.stderr).toMatch(/RUN echo/)
  expect(up.stderr).toMatch(/ web {2}Built\n/)
  expect(
    await inspect(
      'verbs-web',
      '{{index .Config.Labels "kept"}} {{index .Config.Labels "com.docker.compose.service"}}',
    ),
  ).toBe('yes web')
  expect((await ours('up', '-d')).stderr).not.toMatch(/Built|Recreate/)

  const built = await ours('build', 'inline')
  expect(built).toMatchObject({ code: 0 })
  const { stdout } = await docker.run([
    'run',
    '--rm',
    'verbs-inline',
    'cat',
    '/greeting',
    '/inline',
  ])
  expect(stdout).toBe('hello\ninline\n')
}, 240_000)

test('a build that fails tells where, and nothing is made anew', async () => {
  const before = await inspect('verbs-web-1', '{{.Id}}')
  writeFileSync(join(folder, 'web', 'Dockerfile'), `${dockerfile}RUN exit 3\n`)
  const up = await ours('up', '-d', '--build')
  expect(up.code).toBe(1)
  expect(up.stderr).toMatch(/>>> RUN exit 3/)
  expect(await inspect('verbs-web-1', '{{.Id}}')).toBe(before)

  writeFileSync(join(folder, 'web', 'Dockerfile'), `${dockerfile}RUN echo new > /new\n`)
  expect((await ours('up', '-d', '--build')).stderr).toMatch(
    / Container verbs-web-1 {2}Recreated\n/,
  )
  expect((await ours('exec', '-T', 'web', 'cat', '/new')).stdout).toBe('new\n')
}, 240_000)

test('exec runs in a service, and its exit code is ours', async () => {
  const words = ['sh', '-c', 'echo $PLACE $MORE $(pwd) $(id -u); echo err >&2; exit 7']
  const options = ['-e', 'MORE=more', '-w', '/tmp', '-u', '1000']
  const ran = await ours('exec', '-T', ...options, 'web', ...words)
  expect(ran).toEqual({ code: 7, stdout: 'web more /tmp 1000\n', stderr: 'err\n' })
  expect(await ours('exec', 'absent', 'true')).toMatchObject({
    code: 1,
    stderr: 'service "absent" is not running\n',
  })
  expect((await ours('exec', '--index', '2', 'web', 'true')).stderr).toBe(
    'service "web" is not running container #2\n',
  )
  expect((await ours('exec', 'web')).stderr).toMatch(
    /^requires at least 2 arg\(s\), only received 1\n/,
  )
}, 60_000)

test('run makes a container of its own for one command', async () => {
  const words = ['sh', '-c', 'echo $PLACE $MORE; exit 5']
  const ran = await ours('run', '--rm', '-T', '-e', 'MORE=more', 'web', ...words)
  expect(ran).toMatchObject({ code: 5, stdout: 'web more\n' })
  const oneOffs = ['ps', '-aq', '--filter', 'label=com.docker.compose.oneoff=True']
  expect(await docker.output(...oneOffs)).toBe('')

  const detached = await ours('run', '-d', '--name', 'once', '-p', '18092:80', 'web', 'sleep', '99')
  expect(detached.stdout).toMatch(/^[0-9a-f]{64}\n$/)
  expect(
    await inspect(
      'once',
      '{{.Config.Cmd}} {{.HostConfig.PortBindings}} {{.HostConfig.RestartPolicy.Name}} {{index .Config.Labels "com.docker.compose.oneoff"}}',
    ),
  ).toBe('[sleep 99] map[80/tcp:[{ 18092}]] no True')
  await docker.output('rm', '-f', 'once')

  const named = await ours('run', '-d', '--no-deps', '--entrypoint', 'sleep 98', '-l', 'a=b', 'web')
  const id = named.stdout.trim()
  expect(await inspect(id, '{{.Name}} {{.Path}} {{.Args}} {{.Config.Labels.a}}')).toMatch(
    /^\/verbs-web-run-[0-9a-f]{12} sleep \[98\] b$/,
  )
  expect((await ours('ps', '-q', 'web')).stdout).not.toContain(id)
  await docker.output('rm', '-f', id)
}, 120_000)

test('events tells of the services that are asked for', async () => {
  const began = String(Math.floor(Date.now() / 1000) - 1)
  await ours('kill', 'cache')
  await ours('start', 'cache')
  const until = String(Math.ceil(Date.now() / 1000))
  const args = ['events', '--since', began, '--until', until, '--json']
  const told = (await ours(...args, 'cache')).stdout.trimEnd().split('\n')
  const events = told.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(events.map(({ action }) => action)).toEqual(['kill', 'die', 'start'])
  expect(events[1]).toMatchObject({ service: 'cache', attributes: { exitCode: '137' } })
  expect((await ours(...args, 'web')).stdout).toBe('')
  const real = await docker.run(['compose', '-f', path, ...args, 'cache'])
  expect(told).toEqual(real.stdout.trimEnd().split('\n'))
}, 60_000)

test('pull and push skip what they have nothing to do with, and tell of what they can not do', async () => {
  const pulled = await ours('pull', '--policy', 'missing', 'web')
  expect(pulled).toMatchObject({ code: 0, stderr: ' web  Skipped - No image to be pulled\n' })
  expect(await ours('push', 'cache')).toMatchObject({ code: 0, stderr: ' cache  Skipped\n' })
  writeFileSync(
    join(folder, 'other.yaml'),
    'services: {app: {image: "127.0.0.1:9/app:1", build: ./web}}',
  )
  const other = (verb: string): ReturnType<typeof runDocker> =>
    runDocker(server.address, ['compose', '-f', join(folder, 'other.yaml'), verb])
  const failed = await other('pull')
  expect(failed.code).toBe(1)
  expect(failed.stderr).toMatch(
    /must be built from source by running:\n {4}docker compose build app/,
  )
  expect((await other('build')).code).toBe(0)
  const push = await other('push')
  expect(push.code).toBe(1)
  expect(push.stderr).toMatch(/ Image 127\.0\.0\.1:9\/app:1 {2}Error\n/)
}, 120_000)
