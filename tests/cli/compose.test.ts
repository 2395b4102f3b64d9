import { afterEach, beforeEach, expect, test } from 'vitest'
import { dockerClient } from '../../src/client/client.ts'
import { runCli } from '../../src/cli/run-cli.ts'
import { compose } from '../../src/compose/compose.ts'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'
import { MemoryCliHost, type CliResult } from '../support/memory-cli-host.ts'

// Our verbs over our engine, whose machine is scripted. What they print is what docker compose 2.40.3 prints.
const file = `
services:
  web:
    image: demo
    network_mode: none
    command: sleep 1000
    env_file: [web.env]
    depends_on: [db]
    volumes: ["data:/data"]
    stop_grace_period: 0s
  db:
    image: demo:latest
    network_mode: none
    command: sleep 1000
    stop_grace_period: 0s
  tool:
    build: .
    profiles: [b, a]
volumes: {data: {}, unused: {}}
`

let engine: Docker

beforeEach(async () => {
  engine = await openDocker()
})

afterEach(() => engine[Symbol.asyncDispose]())

const files = { '/work/compose.yaml': file, '/work/web.env': 'A=1\n' }

async function run(
  line: string,
  stdin = '',
  handler: EngineHandler = engine.handler,
): Promise<CliResult & { readonly host: MemoryCliHost }> {
  const host = new MemoryCliHost({ files, stdin, env: { HOME: '/root' } })
  const argv = ['compose', ...line.split(' ')]
  const code = await runCli(argv, host, dockerClient(handler), { plugins: { compose } })
  return { code, out: host.out, err: host.err, host }
}

const output = async (line: string, stdin = ''): Promise<string> => {
  const { code, out, err } = await run(line, stdin)
  expect(`${code} ${err}`).toMatch(/^0 /)
  return out
}

const failure = async (line: string): Promise<string> => {
  const { code, out, err } = await run(line)
  expect([code, out]).toEqual([1, ''])
  return err
}

test.each([
  ['--services', 'db\nweb\n'],
  ['--images', 'demo:latest\ndemo\n'],
  ['--images web', 'demo:latest\ndemo\n'],
  ['--images db', 'demo:latest\n'],
  ['--volumes', 'data\n'],
  ['--networks', ''],
  ['--models', ''],
  ['--profiles', 'a\nb\n'],
  ['--environment', 'COMPOSE_PROJECT_NAME=work\nHOME=/root\nPWD=/work\n'],
  ['--quiet', ''],
  ['--quiet --services', 'db\nweb\n'],
])('config %s', async (flags, expected) => {
  expect(await output(`config ${flags}`)).toBe(expected)
})

test('config with a profile has its services', async () => {
  expect(await output('--profile a config --images')).toBe('demo:latest\nwork-tool\ndemo\n')
})

test.each([
  ['--format toml', 'unsupported format "toml"\n'],
  ['--hash db,nope', 'no such service: nope: not found\n'],
  ['--hash tool', 'no such service: tool: disabled\n'],
  ['nope', 'no such service: nope\n'],
  ['--variables', 'unknown flag: --variables\n'],
])('config %s is refused', async (flags, expected) => {
  const { code, err } = await run(`config ${flags}`)
  expect([code, err]).toEqual([1, expected])
})

test('config --hash gives the named services, sorted, with env files unread', async () => {
  const all = await output('config --hash *')
  expect(all).toMatch(/^db [0-9a-f]{64}\nweb [0-9a-f]{64}\n$/)
  expect(await output('config --hash web,db')).toBe(all)
})

test('config --no-normalize leaves out what is implicit', async () => {
  const document = await output('config --no-normalize db')
  expect(document).toBe(
    'name: work\nservices:\n  db:\n    command:\n      - sleep\n      - "1000"\n    image: demo:latest\n    network_mode: none\n    stop_grace_period: 0s\n',
  )
  expect(await output('config --no-normalize')).toMatch(/\nvolumes:\n {2}data: \{\}\n$/)
})

test('config --output writes the document into a file', async () => {
  const { out, host } = await run('config --format json -o out.json db')
  expect(out).toBe('')
  expect(JSON.parse(host.written.get('/work/out.json') ?? '')).toMatchObject({
    name: 'work',
    services: { db: { image: 'demo:latest' } },
  })
})

test.each([
  ['version', 'Docker Compose version v2.40.3\n'],
  ['version --short', '2.40.3\n'],
  ['version -f json', '{"version":"v2.40.3"}\n'],
])('%s', async (line, expected) => {
  expect(await output(line)).toBe(expected)
})

test.each([
  ['port web', 'requires at least 2 arg(s), only received 1\n'],
  ['port web x', 'strconv.ParseUint: parsing "x": invalid syntax\n'],
  ['port web 65536', 'strconv.ParseUint: parsing "65536": value out of range\n'],
  ['port web 80', 'service "web" is not running\n'],
  ['port --index 4 web 80', 'service "web" is not running container #4\n'],
  ['wait web', 'no containers for project "work"\n'],
  ['scale web', 'invalid scale specifier: web\n'],
  ['scale web=x', "invalid scale specifier: can't parse replica value as int: web=x\n"],
  ['rm nope', 'no such service: nope\n'],
  ['images --format toml', 'format value "toml" could not be parsed: parsing failed\n'],
  ['create --pull foo', 'invalid --pull option "foo"\n'],
  ['create --scale db', 'invalid --scale option "db". Should be SERVICE=NUM\n'],
  [
    'create --force-recreate --no-recreate',
    '--force-recreate and --no-recreate are incompatible\n',
  ],
])('%s is refused', async (line, expected) => {
  expect(await failure(line)).toBe(expected)
})

test('create makes and does not start; rm asks, and removes what is stopped', async () => {
  await output('create')
  expect(await output('ps -a --format {{.Name}}:{{.State}}')).toBe(
    'work-db-1:created\nwork-web-1:created\n',
  )
  expect(await output('rm db')).toBe('Going to remove work-db-1')
  expect(await output('ps -aq')).toMatch(/^(\w+\n){2}$/)
  await output('rm db', 'y\n')
  expect(await output('ps -a --format {{.Name}}')).toBe('work-web-1\n')
  const { out, err } = await run('rm --force')
  expect(out).toBe('Going to remove work-web-1\n')
  expect(err).toBe(' Container work-web-1  Removing\n Container work-web-1  Removed\n')
  expect((await run('rm --force')).err).toBe('No stopped containers\n')
})

test('scale starts and removes; top, images and port tell of what runs', async () => {
  await output('scale db=2')
  expect(await output('ps --format {{.Name}}')).toBe('work-db-1\nwork-db-2\n')
  expect(await output('top')).toMatch(/^SERVICE +# +.*CMD\ndb +1 +.*\ndb +2 +.*\n$/)
  expect(await output('images --format json')).toMatch(
    /^\[{"ID":"sha256:\w+","ContainerName":"work-db-1","Repository":"demo","Tag":"latest",.*\]\n\n$/,
  )
  expect(await output('images')).toMatch(
    /^CONTAINER {11}REPOSITORY .*\nwork-db-1 {11}demo {16}latest /,
  )
  expect(await output('images -q')).toMatch(/^[0-9a-f]{64}\n$/)
  expect(await failure('port db 80')).toBe('no port 80/tcp for container work-db-1: \n')
  await output('scale db=1')
  expect(await output('ps --format {{.Name}}')).toBe('work-db-1\n')
  const { out } = await run('rm -fs')
  expect(out).toBe('Going to remove work-db-1\n')
})

test('wait gives the exit code of the last that ends', async () => {
  await output('scale db=1')
  let waiting: ReturnType<typeof run> | undefined
  await new Promise<void>((asked) => {
    waiting = run('wait db', '', (request) => {
      if (request.path.endsWith('/wait')) asked()
      return engine.handler(request)
    })
  })
  await output('kill db')
  const ended = await waiting
  expect([ended?.code, ended?.out]).toEqual([
    137,
    expect.stringMatching(/^container "[0-9a-f]{64}" exited with status code 137\n$/),
  ])
})
