import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readTar } from '../../src/codec/tar/read.ts'
import { call } from '../support/build-images.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

const program = new URL('../../dist/node/drydock.js', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'drydock-cli-build-'))
let server: HeadlessServer

beforeAll(async () => {
  server = await startServer()
  await call(server.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
}, 180_000)

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess =>
  spawn(process.execPath, [program, 'docker', ...args], {
    cwd: folder,
    env: { ...process.env, DOCKER_HOST: server.address, ...env },
  })

interface Result {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

async function docker(args: readonly string[], input = '', env = {}): Promise<Result> {
  const child = start(args, env)
  let out = ''
  let err = ''
  child.stdout?.on('data', (bytes: Uint8Array) => {
    out += String(bytes)
  })
  child.stderr?.on('data', (bytes: Uint8Array) => {
    err += String(bytes)
  })
  child.stdin?.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}

/** A context of its own for each test. */
function context(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, name, path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, text)
  }
  return name
}

test('plain progress, then the failing step with its lines', async () => {
  const name = context('failing', {
    Dockerfile: 'FROM busybox\n\nRUN echo one; echo two; exit 7\nCMD ["x"]\n',
  })
  const { code, out, err } = await docker(['build', '--progress', 'plain', name])
  expect([code, out]).toEqual([1, ''])
  expect(err).toMatch(/^#\d+ \[2\/2\] RUN echo one; echo two; exit 7$/m)
  expect(err).toMatch(/^#\d+ \d+\.\d{3} one$/m)
  expect(err).toMatch(
    /\n------\n > \[2\/2\] RUN echo one; echo two; exit 7:\n\d+\.\d{3} one\n\d+\.\d{3} two\n------\nDockerfile:3\n--------------------\n {3}1 \| {5}FROM busybox\n {3}2 \| {5}\n {3}3 \| >>> RUN echo one; echo two; exit 7\n {3}4 \| {5}CMD \["x"\]\n {3}5 \| {5}\n--------------------\nERROR: failed to build: failed to solve: process "\/bin\/sh -c echo one; echo two; exit 7" did not complete successfully: exit code: 7\n$/,
  )
}, 120_000)

test('a syntax error shows its line and asks no engine', async () => {
  const { code, err } = await docker(['build', '-'], 'FORM busybox\n', {
    DOCKER_HOST: 'unix:///nosuch',
  })
  expect(code).toBe(1)
  expect(err).toContain('   1 | >>> FORM busybox\n')
  expect(err).toContain(
    'dockerfile parse error on line 1: unknown instruction: FORM (did you mean FROM?)',
  )
})

test('--check tells what the linter finds', async () => {
  const name = context('lint', { Dockerfile: 'FROM busybox as x\nCMD echo hi\n' })
  const { code, out } = await docker(['build', '--check', name])
  expect(code).toBe(1)
  expect(out).toContain('Check complete, 2 warnings have been found!\n')
  expect(out).toContain(
    'WARNING: FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/\n',
  )
  expect(out).toContain(
    'Dockerfile:2\n--------------------\n   1 |     FROM busybox as x\n   2 | >>> CMD echo hi\n',
  )
})

test('secrets, named contexts, files of the result', async () => {
  const name = context('parts', {
    Dockerfile: [
      'FROM busybox',
      'RUN --mount=type=secret,id=file --mount=type=secret,id=var,env=VAR cat /run/secrets/file > /seen; echo $VAR >> /seen',
      'RUN test ! -e /run/secrets/file',
      'COPY --from=other inside /copied',
      '',
    ].join('\n'),
  })
  context('elsewhere', { inside: 'named\n' })
  writeFileSync(join(folder, 'secret'), 'from a file\n')
  const { code, err } = await docker(
    [
      'build',
      '-t',
      'parts:1',
      '-t',
      'example.org/parts:2',
      '--secret',
      'id=file,src=secret',
      '--secret',
      'id=var,env=MY_SECRET',
      '--build-context',
      'other=elsewhere',
      '--iidfile',
      'iid',
      '--metadata-file',
      'metadata',
      name,
    ],
    '',
    { MY_SECRET: 'from the environment' },
  )
  expect([code, code === 0 ? '' : err]).toEqual([0, ''])
  const id = readFileSync(join(folder, 'iid'), 'utf8')
  expect(id).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(JSON.parse(readFileSync(join(folder, 'metadata'), 'utf8'))).toMatchObject({
    'containerimage.config.digest': id,
    'image.name': 'docker.io/library/parts:1,example.org/parts:2',
  })
  const seen = await docker([
    'run',
    '--rm',
    '--network',
    'none',
    'parts:1',
    'cat',
    '/seen',
    '/copied',
  ])
  expect(seen.out).toBe('from a file\nfrom the environment\nnamed\n')
}, 120_000)

test('named contexts: a directory as base and as source, an archive, an image', async () => {
  const name = context('named', {
    Dockerfile: [
      'FROM base AS files',
      'COPY --from=packed inner /',
      'FROM tools',
      'COPY --from=files / /all/',
      'RUN --mount=type=bind,from=base,target=/mnt cat /mnt/one /all/one /all/inner > /seen',
      '',
    ].join('\n'),
  })
  context('named-base', { one: 'base\n' })
  context('named-packed', { inner: 'packed\n' })
  execFileSync('tar', ['-C', join(folder, 'named-packed'), '-cJf', join(folder, 'packed.txz'), '.'])
  const { code, err } = await docker([
    'build',
    '-t',
    'named',
    '--progress',
    'plain',
    '--build-context',
    'base=named-base',
    '--build-context',
    'packed=packed.txz',
    '--build-context',
    'tools=docker-image://busybox',
    name,
  ])
  expect([code, code === 0 ? '' : err]).toEqual([0, ''])
  expect(err).toMatch(/^#\d+ \[context base\] load from client$/m)
  const seen = await docker(['run', '--rm', '--network', 'none', 'named', 'cat', '/seen'])
  expect(seen.out).toBe('base\nbase\npacked\n')
  const broken = await docker(['build', '--build-context', 'x=secret-file', '-'], 'FROM x\n')
  expect(broken.err).toMatch(/secret-file: no such file/)
}, 120_000)

test('a secret of any bytes', async () => {
  writeFileSync(
    join(folder, 'bytes'),
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
  )
  const dockerfile =
    'FROM busybox\nRUN --mount=type=secret,id=b,required sha256sum /run/secrets/b | cut -c1-8\n'
  const { code, err } = await docker(
    ['build', '--progress', 'plain', '--secret', 'id=b,src=bytes', '-'],
    dockerfile,
  )
  expect([code, err]).toEqual([0, expect.stringMatching(/^#\d+ \d+\.\d{3} 40aff2e9$/m)])
  const missing = await docker(['build', '-'], dockerfile)
  expect(missing.err).toContain('secret b: not found')
  const nowhere = await docker(['build', '--secret', 'id=b,src=nowhere', '-'], dockerfile)
  expect(nowhere.err).toMatch(/^ERROR: failed to stat .*nowhere/m)
}, 120_000)

test.each([
  [['--ssh', 'default'], 'RUN true', 'Drydock has no SSH agent for --ssh'],
  [[], 'RUN --mount=type=ssh true', 'Drydock has no SSH agent for --mount=type=ssh'],
  [[], 'RUN --security=insecure true', 'Drydock can not RUN with --security=insecure'],
  [['--allow', 'security.insecure'], 'RUN true', 'Drydock can not allow security.insecure'],
  [[], 'ADD https://example.org/x.git /x', 'Drydock can not ADD a git repository'],
  [[], 'ADD git@example.org:x.git /x', 'Drydock can not ADD a git repository'],
  [[], 'COPY nope /x', '"/nope": not found'],
  [[], 'COPY ../x /x', '"/x": not found'],
  [
    [],
    'RUN --mount=type=cahce,target=/x true',
    'unsupported mount type "cahce" (did you mean cache?)',
  ],
  [[], 'COPY --chwon=1 a b', 'unknown flag: --chwon (did you mean chown?)'],
  [
    [],
    'FROM other AS a\nCOPY --from=b /x /\nFROM other AS b\nCOPY --from=a /x /',
    'circular dependency detected on stage: a',
  ],
] as const)(
  '%j %s is refused in a sentence',
  async (flags, line, message) => {
    const { code, err } = await docker(['build', ...flags, '-'], `FROM busybox\n${line}\n`)
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  },
  120_000,
)

test('--output writes the files, and leaves no image', async () => {
  const name = context('output', {
    Dockerfile:
      'FROM busybox AS build\nRUN mkdir -p /out/bin && echo app > /out/bin/app && chmod 755 /out/bin/app && ln -s app /out/bin/link\nFROM scratch\nCOPY --from=build /out /\n',
  })
  const count = async (): Promise<number> =>
    (await docker(['images', '-aq'])).out.split('\n').length
  const before = await count()
  expect((await docker(['build', '-o', 'files', name])).code).toBe(0)
  expect(readFileSync(join(folder, 'files/bin/link'), 'utf8')).toBe('app\n')
  expect(statSync(join(folder, 'files/bin/app')).mode & 0o777).toBe(0o755)
  expect((await docker(['build', '-o', 'type=tar,dest=files.tar', name])).code).toBe(0)
  const paths: string[] = []
  const bytes = readFileSync(join(folder, 'files.tar'))
  for await (const { path } of readTar(new Blob([bytes]).stream())) paths.push(path)
  expect(paths).toEqual(['bin', 'bin/app', 'bin/link'])
  expect((await docker(['build', '-o', 'type=oci,dest=image.tar', '-q', name])).code).toBe(0)
  const members: string[] = []
  const image = readFileSync(join(folder, 'image.tar'))
  for await (const { path } of readTar(new Blob([image]).stream())) members.push(path)
  expect(members).toContain('oci-layout')
  expect(members).toContain('index.json')
  expect(await count()).toBe(before)
}, 120_000)

test('independent stages run side by side', async () => {
  const name = context('parallel', {
    Dockerfile: [
      'FROM busybox AS left',
      "RUN cut -d ' ' -f1 /proc/uptime > /from; sleep 1; cut -d ' ' -f1 /proc/uptime > /to",
      'FROM busybox AS right',
      "RUN cut -d ' ' -f1 /proc/uptime > /from; sleep 1.1; cut -d ' ' -f1 /proc/uptime > /to",
      'FROM scratch',
      'COPY --from=left /from /to /left/',
      'COPY --from=right /from /to /right/',
      '',
    ].join('\n'),
  })
  const { code, err } = await docker(['build', '-o', 'times', '--progress', 'plain', name])
  expect([code, code === 0 ? '' : err]).toEqual([0, ''])
  const time = (path: string): number => Number(readFileSync(join(folder, 'times', path), 'utf8'))
  expect(time('left/from')).toBeLessThan(time('right/to'))
  expect(time('right/from')).toBeLessThan(time('left/to'))
}, 120_000)

test('a Dockerfile of its own with patterns of its own', async () => {
  const name = context('own', {
    'docker/app.Dockerfile': 'FROM scratch\nCOPY . /\n',
    'docker/app.Dockerfile.dockerignore': 'docker\n*.log\n',
    '.dockerignore': '*\n',
    'a.log': '',
    kept: 'kept\n',
  })
  expect(
    (await docker(['build', '-f', `${name}/docker/app.Dockerfile`, '-o', 'own-files', name])).code,
  ).toBe(0)
  expect(readFileSync(join(folder, 'own-files/kept'), 'utf8')).toBe('kept\n')
  expect(existsSync(join(folder, 'own-files/a.log'))).toBe(false)
  expect(existsSync(join(folder, 'own-files/docker'))).toBe(false)
}, 120_000)

test('Ctrl-C ends the build', async () => {
  const name = context('slow', { Dockerfile: 'FROM busybox\nRUN echo started; sleep 1000\n' })
  const child = start(['build', '--progress', 'plain', name])
  let err = ''
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (bytes: Uint8Array) => {
      err += String(bytes)
      if (/^#\d+ [\d.]+ started$/m.test(err)) resolve()
    })
  })
  child.kill('SIGINT')
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code).not.toBe(0)
  const { out } = await docker(['build', '-q', '-'], 'FROM busybox\nRUN sleep 0.1\n')
  expect(out).toMatch(/^sha256:/)
  const running = await docker(
    ['build', '--progress', 'plain', '-'],
    'FROM busybox\nRUN ps | grep -c "[s]leep 1000" || true\n',
  )
  expect(running.err).toMatch(/^#\d+ \d+\.\d{3} 0$/m)
}, 120_000)
