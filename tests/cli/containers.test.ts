import { expect, test } from 'vitest'
import { dockerClient } from '../../src/client/client.ts'
import { runCli } from '../../src/cli/run-cli.ts'
import { openDocker, type Docker } from '../support/docker-client.ts'
import {
  docker,
  MemoryCliHost,
  type CliResult,
  type MemoryHostOptions,
} from '../support/memory-cli-host.ts'

// Our CLI over our engine, whose machine is scripted.
const terminal = [true, true, true] as const

/** A command under way, with the user's hands on it. */
function begin(
  engine: Docker,
  argv: readonly string[],
  options: MemoryHostOptions = {},
): { host: MemoryCliHost; code: Promise<number> } {
  const host = new MemoryCliHost(options)
  return { host, code: runCli(argv, host, dockerClient(engine.handler)) }
}

const run = (engine: Docker, line: string, options?: MemoryHostOptions): Promise<CliResult> =>
  docker(engine.handler, line.split(' '), options)

test('run: output, errors and exit codes', async () => {
  await using engine = await openDocker()
  expect(await run(engine, 'run --rm --network none demo both')).toEqual({
    code: 0,
    out: 'out\n',
    err: 'err\n',
  })
  expect(
    (
      await docker(engine.handler, [
        'run',
        '--rm',
        '--network',
        'none',
        'demo',
        'sh',
        '-c',
        'exit 7',
      ])
    ).code,
  ).toBe(7)
  const missing = await run(engine, 'run --rm --network none demo nosuchcmd')
  expect(missing.code).toBe(127)
  expect(missing.err).toContain('executable file not found')
  expect((await run(engine, 'ps -aq')).out).toBe('')
})

test('run pulls what is missing, and says so on stderr', async () => {
  await using engine = await openDocker()
  await run(engine, 'rmi demo')
  const result = await run(engine, 'run --rm --network none demo echo hello')
  expect(result.out).toBe('hello\n')
  expect(result.err).toContain(
    "Unable to find image 'demo:latest' locally\nlatest: Pulling from library/demo\n",
  )
  expect(result.err).toContain('Status: Downloaded newer image for demo:latest\n')
  const never = await run(engine, 'run --rm --pull never nosuch')
  expect(never.code).toBe(125)
})

test('run -d, ps, logs, exec, stop, rm', async () => {
  await using engine = await openDocker()
  const { out } = await run(engine, 'run -d --network none --name web demo sleep 1000')
  expect(out).toMatch(/^[0-9a-f]{64}\n$/)
  expect((await run(engine, 'ps --format {{.Names}}|{{.Image}}|{{.State}}')).out).toBe(
    'web|demo|running\n',
  )
  expect((await run(engine, 'exec web echo inside')).out).toBe('inside\n')
  expect((await docker(engine.handler, ['exec', 'web', 'sh', '-c', 'exit 3'])).code).toBe(3)
  expect((await run(engine, 'inspect -f {{.State.Status}} web')).out).toBe('running\n')
  expect(await run(engine, 'stop -t 0 web')).toEqual({ code: 0, out: 'web\n', err: '' })
  expect((await run(engine, 'rm web')).out).toBe('web\n')
  await run(engine, 'run --network none --name said demo both')
  expect(await run(engine, 'logs said')).toEqual({ code: 0, out: 'out\n', err: 'err\n' })
})

test('stdin is read only when the command takes it', async () => {
  await using engine = await openDocker()
  const piped = { stdin: 'one\ntwo\n' }
  expect((await run(engine, 'run -i --rm --network none demo cat', piped)).out).toBe('one\ntwo\n')
  const { host, code } = begin(
    engine,
    ['run', '--rm', '--network', 'none', 'demo', 'echo', 'hi'],
    piped,
  )
  expect(await code).toBe(0)
  expect(host.pulls).toBe(0)
})

test('a terminal: raw mode, keys that detach, attach again', async () => {
  await using engine = await openDocker()
  const first = begin(engine, ['run', '-it', '--name', 'tty', '--network', 'none', 'demo', 'cat'], {
    tty: terminal,
  })
  first.host.type('hello\n')
  await first.host.until('hello')
  expect(first.host.modes).toEqual([true])
  first.host.type('\u0010\u0011')
  expect(await first.code).toBe(0)
  expect(first.host.modes).toEqual([true, false])

  const second = begin(engine, ['attach', 'tty'], { tty: terminal })
  second.host.type('again\n')
  await second.host.until('again')
  second.host.type('\u0010\u0011')
  expect(await second.code).toBe(1)
  expect(second.host.err).toBe('read escape sequence\n')
  expect((await run(engine, 'run -it demo cat')).err).toBe('the input device is not a TTY\n')
})

test('signals go to the container; the third ends the command', async () => {
  await using engine = await openDocker()
  const { host, code } = begin(engine, ['run', '--rm', '--network', 'none', 'demo', 'trap'])
  await host.until('ready')
  host.signal('SIGINT')
  await host.until('got 2')
  host.signal('SIGTERM')
  expect(await code).toBe(7)

  const stubborn = begin(engine, ['run', '--name', 'stubborn', '--network', 'none', 'demo', 'trap'])
  await stubborn.host.until('ready')
  for (let count = 0; count < 3; count++) stubborn.host.signal('SIGINT')
  expect(await stubborn.code).toBe(1)
  expect(stubborn.host.err).toContain('got 3 SIGTERM/SIGINTs, forcefully exiting')
  expect((await run(engine, 'inspect -f {{.State.Status}} stubborn')).out).toBe('running\n')
})

test('SIGINT ends what waits, with 130', async () => {
  await using engine = await openDocker()
  await run(engine, 'run -d --name web --network none demo sleep 1000')
  for (const argv of [['logs', '-f', 'web'], ['events'], ['wait', 'web']]) {
    const { host, code } = begin(engine, argv)
    await new Promise((resolve) => setTimeout(resolve, 30))
    host.signal('SIGINT')
    expect(await code).toBe(130)
    expect(host.err).toBe('')
  }
})

test('a user who vanishes leaves no stream behind', async () => {
  await using engine = await openDocker()
  const { host, code } = begin(engine, [
    'run',
    '-i',
    '--name',
    'left',
    '--network',
    'none',
    'demo',
    'trap',
  ])
  await host.until('ready')
  host.vanish()
  expect(await code).toBe(129)
  expect((await run(engine, 'inspect -f {{.State.Status}} left')).out).toBe('running\n')
})

test('files: --env-file, --cidfile', async () => {
  await using engine = await openDocker()
  const host = new MemoryCliHost({
    files: { '/work/list': '# no\nX=1\n\nUNSET\nHOME\n' },
    env: { HOME: '/root' },
  })
  const argv = [
    'run',
    '--network',
    'none',
    '--env-file',
    'list',
    '-e',
    'HOME',
    '--cidfile',
    'id',
    'demo',
    'env',
  ]
  expect(await runCli(argv, host, dockerClient(engine.handler))).toBe(0)
  expect(host.out.split('\n')).toEqual(expect.arrayContaining(['X=1', 'HOME=/root']))
  expect(host.out).not.toContain('UNSET')
  expect(host.written.get('/work/id')).toMatch(/^[0-9a-f]{64}$/)
})

test('pull draws a line a layer on a terminal, and plain lines elsewhere', async () => {
  await using engine = await openDocker()
  await run(engine, 'rmi demo')
  const drawn = await run(engine, 'pull demo', { tty: terminal })
  expect(drawn.out).toContain('Using default tag: latest\nlatest: Pulling from library/demo\n')
  expect(drawn.out).toContain('\u001B[1A\u001B[2K\r')
  expect(
    drawn.out.endsWith(
      'Status: Downloaded newer image for demo:latest\ndocker.io/library/demo:latest\n',
    ),
  ).toBe(true)
  await run(engine, 'rmi demo')
  const plain = await run(engine, 'pull demo')
  expect(plain.out).not.toContain('\u001B')
  expect(plain.out).toMatch(/^[0-9a-f]{12}: Pull complete$/m)
  expect((await run(engine, 'pull -q demo')).out).toBe('docker.io/library/demo:latest\n')
})
