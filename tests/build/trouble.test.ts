import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Dockerode from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build, call, contentOf, nodeAt, savedImage } from '../support/build-images.ts'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { tarOf } from '../support/image-registry.ts'

let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  server = await startServer()
  docker = new DockerCli(server.address)
  await call(server.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
})

const json = async <T>(path: string): Promise<T> =>
  JSON.parse(new TextDecoder().decode((await call(server.socket, 'GET', path)).bytes)) as T

/** Names and ids of images. */
const images = async (): Promise<number> => (await json<unknown[]>('/images/json')).length

const file = (text: string): Uint8Array => tarOf({ Dockerfile: text })

test('a client that leaves ends its build: nothing runs on, finished steps are kept', async () => {
  const before = await images()
  const tar = file('FROM busybox\nRUN echo done > /done\nRUN echo started; sleep 1000\n')
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(
      { socketPath: server.socket, method: 'POST', path: '/build?t=left' },
      (answer) => {
        let text = ''
        answer.on('data', (bytes: Uint8Array) => {
          text += String(bytes)
          if (text.includes('started')) {
            outgoing.destroy()
            resolve()
          }
        })
        answer.on('error', () => undefined)
      },
    )
    outgoing.on('error', (error) => {
      if (!outgoing.destroyed) reject(error)
    })
    outgoing.end(tar)
  })
  // The same step can be done again at once, and the one before it is in the cache.
  const again = await build(
    server.socket,
    file('FROM busybox\nRUN echo done > /done\nRUN ps | grep -c "[s]leep 1000" || true\n'),
  )
  expect(again.error).toBeUndefined()
  expect(again.output).toContain('Using cache')
  expect(again.output).toMatch(/^0$/m)
  expect((await call(server.socket, 'GET', '/images/left/json')).status).toBe(404)
  expect(await images()).toBe(before + 1)
}, 120_000)

test('a step that needs more memory than it may have is killed', async () => {
  const built = await build(
    server.socket,
    file('FROM busybox\nRUN dd if=/dev/zero of=/dev/null bs=64M count=1\n'),
    { memory: '16777216', t: 'big' },
  )
  expect(built.error).toMatch(/returned a non-zero code: (137|1)/)
  expect((await call(server.socket, 'GET', '/images/big/json')).status).toBe(404)
}, 120_000)

test('a step that fills its file system fails, and the next build works', async () => {
  const built = await build(
    server.socket,
    file('FROM busybox\nRUN --mount=type=tmpfs,target=/t,size=1m head -c 4m /dev/zero > /t/f\n'),
  )
  // Busybox calls it an I/O error.
  expect(built.output).toMatch(/No space left on device|I\/O error/)
  expect(built.error).toContain('returned a non-zero code: 1')
  expect((await build(server.socket, file('FROM busybox\nRUN true\n'))).error).toBeUndefined()
}, 120_000)

const diskRoom = async (): Promise<number> => {
  const process = file('FROM busybox\nRUN df -k / | tail -n 1 | awk \'{print "free", $4}\'\n')
  const { output } = await build(server.socket, process, { nocache: '1' })
  return Number(/^free (\d+)$/m.exec(output)?.[1])
}

test('a step may write more than the guest has memory for, and its layer has all of it', async () => {
  const before = await diskRoom()
  const size = 16 * 2 ** 20
  const built = await build(
    server.socket,
    file(
      `FROM busybox\nRUN mkdir /big && cd /big && seq 3000000 | head -c ${size} > 0 && for i in $(seq 20); do cp 0 $i && echo $i >> $i; done && rm 0\n`,
    ),
    { t: 'written' },
  )
  expect(built.error).toBeUndefined()
  const { layers, root } = await savedImage(server.socket, 'written')
  expect(layers.at(-1)?.entries).toHaveLength(21)
  const numbers = Array.from({ length: 3_000_000 }, (_, at) => `${at + 1}\n`).join('')
  const common = Buffer.from(numbers).subarray(0, size)
  for (let index = 1; index <= 20; index++) {
    const node = nodeAt(root, `big/${index}`)
    const bytes = Buffer.from((await node?.source?.read(node.offset, node.size)) ?? [])
    expect(bytes.subarray(0, size).equals(common), `${index}`).toBe(true)
    expect(bytes.subarray(size).toString()).toBe(`${index}\n`)
  }
  // What the step wrote is in the layer alone.
  expect(before - (await diskRoom())).toBeLessThan(4096)
}, 600_000)

test('a step that fills the disk fails with the reason, leaves nothing, and the next build works', async () => {
  const before = await diskRoom()
  expect(before).toBeGreaterThan(400 * 1024)
  const rest = 8 * 1024
  const built = await build(
    server.socket,
    file(
      `FROM busybox\nRUN echo kept > /kept\nRUN fallocate -l $((${before - rest} * 1024)) /most && dd if=/dev/zero of=/big bs=1M count=40\n`,
    ),
    { t: 'full' },
  )
  expect(built.output.toLowerCase()).toContain('no space left on device')
  expect(built.error).toContain('returned a non-zero code: 1')
  expect((await call(server.socket, 'GET', '/images/full/json')).status).toBe(404)
  expect(before - (await diskRoom())).toBeLessThan(4096)
  const again = await build(
    server.socket,
    file('FROM busybox\nRUN echo kept > /kept\nRUN dd if=/dev/zero of=/less bs=1M count=20\n'),
  )
  expect(again.error).toBeUndefined()
  expect(again.output).toContain('Using cache')
}, 240_000)

test('history, inspect and df are true of what was built', async () => {
  const text = (last: string): Uint8Array =>
    file(
      `FROM busybox\nRUN head -c 50000 /dev/zero > /common\nLABEL a=b\nRUN echo ${last} > /own\n`,
    )
  await build(server.socket, text('one'), { t: 'sharing:1' })
  await build(server.socket, text('two'), { t: 'sharing:2' })
  const history = await json<{ CreatedBy: string; Size: number }[]>('/images/sharing:1/history')
  expect(history.slice(0, 3).map(({ CreatedBy, Size }) => [CreatedBy, Size])).toEqual([
    ['RUN /bin/sh -c echo one > /own # buildkit', 4],
    ['LABEL a=b', 0],
    ['RUN /bin/sh -c head -c 50000 /dev/zero > /common # buildkit', 50_000],
  ])
  const { RootFS: one } = await json<{ RootFS: { Layers: string[] } }>('/images/sharing:1/json')
  const { RootFS: two } = await json<{ RootFS: { Layers: string[] } }>('/images/sharing:2/json')
  expect(one.Layers.slice(0, -1)).toEqual(two.Layers.slice(0, -1))
  expect(one.Layers.at(-1)).not.toBe(two.Layers.at(-1))
  const { Images } = await json<{
    Images: { RepoTags: string[]; Size: number; SharedSize: number }[]
  }>('/system/df')
  const mine = Images.find(({ RepoTags }) => RepoTags.includes('sharing:1'))
  expect((mine?.Size ?? 0) - (mine?.SharedSize ?? 0)).toBe(4)
}, 120_000)

test('two builds of the same do each step once', async () => {
  const text = 'FROM busybox\nRUN cat /proc/uptime > /once; sleep 0.2\n'
  const [one, other] = await Promise.all([
    build(server.socket, file(text)),
    build(server.socket, file(text)),
  ])
  expect(one.error ?? other.error).toBeUndefined()
  expect(one.image).toBe(other.image)
}, 120_000)

test.each([
  ['a broken archive', new TextEncoder().encode('x'.repeat(600)), 400, 'archive/tar'],
  ['an empty body', new Uint8Array(), 500, 'Cannot locate specified Dockerfile: Dockerfile'],
  ['no Dockerfile', tarOf({ other: '' }), 500, 'Cannot locate specified Dockerfile: Dockerfile'],
] as const)('%s is refused before anything is built', async (_, body, status, message) => {
  const built = await build(server.socket, body)
  expect([built.status, built.error]).toEqual([status, expect.stringContaining(message)])
})

test.each([
  ['version=2', 501, 'BuildKit'],
  ['remote=https://example.org/x.git', 501, 'remote build context'],
  ['t=UPPER', 400, 'must be lowercase'],
  ['platform=linux/arm64', 400, 'linux/386'],
  ['buildargs={', 400, 'buildargs'],
  ['memory=x', 400, 'invalid syntax'],
] as const)('%s is refused', async (query, status, message) => {
  const answer = await call(server.socket, 'POST', `/build?${query}`, file('FROM busybox\n'))
  expect([answer.status, new TextDecoder().decode(answer.bytes)]).toEqual([
    status,
    expect.stringContaining(message),
  ])
})

test('empty and null parameters are as good as none', async () => {
  const built = await build(
    server.socket,
    file('FROM busybox\nARG A\nARG B=2\nRUN test -z "$A"\n'),
    {
      buildargs: { A: null },
      labels: 'null',
      cachefrom: '[]',
      ulimits: '[]',
      extrahosts: '',
      rm: '1',
    },
  )
  expect(built.error).toBeUndefined()
}, 120_000)

test('the real docker CLI builds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-context-'))
  try {
    writeFileSync(
      join(folder, 'Dockerfile'),
      'FROM busybox\nCOPY hello /\nRUN cat /hello\nCMD ["cat", "/hello"]\n',
    )
    writeFileSync(join(folder, 'hello'), 'hello from a file\n')
    writeFileSync(join(folder, '.dockerignore'), 'Dockerfile\n')
    const built = await docker.run([
      'build',
      '-t',
      'real:1',
      '-t',
      'real:2',
      '--label',
      'a=b',
      folder,
    ])
    expect(built.stdout).toMatch(
      /^Sending build context[^]*Step 1\/4 : FROM busybox\n ---> [0-9a-f]{12}\nStep 2\/4 : COPY hello \/\n ---> [0-9a-f]{12}\nStep 3\/4 : RUN cat \/hello\n ---> Running in [0-9a-f]{12}\nhello from a file\n ---> Removed intermediate container [0-9a-f]{12}\n ---> [0-9a-f]{12}\nStep 4\/4 : CMD \["cat", "\/hello"\]\n ---> [0-9a-f]{12}\nSuccessfully built [0-9a-f]{12}\nSuccessfully tagged real:1\nSuccessfully tagged real:2\n$/,
    )
    expect(await docker.output('run', '--rm', '--network', 'none', 'real:2')).toBe(
      'hello from a file\n',
    )
    expect(await docker.output('inspect', '-f', '{{.Config.Labels.a}}', 'real:1')).toBe('b\n')
    expect(
      await docker.output('history', '--format', '{{.CreatedBy}}', '--no-trunc', 'real:1'),
    ).toContain('RUN /bin/sh -c cat /hello # buildkit')
    const quiet = await docker.output('build', '-q', folder)
    expect(quiet).toMatch(/^sha256:[0-9a-f]{64}\n$/)
    const failed = await docker.run(['build', '-'], 'FROM busybox\nRUN exit 3\n')
    expect(failed.code).toBe(3)
    expect(failed.stderr).toContain("The command '/bin/sh -c exit 3' returned a non-zero code: 3")
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 120_000)

test.each([
  ['without buildx', {}],
  ['with DOCKER_BUILDKIT=0', { DOCKER_BUILDKIT: '0' }],
])(
  'the real docker build, %s',
  async (_, env) => {
    using client = new DockerCli(server.address, env)
    const built = await client.run(
      ['build', '--no-cache', '--build-arg', 'A=given', '-t', 'classic', '-'],
      'FROM busybox\nARG A\nRUN echo "said $A"\n',
    )
    expect([built.code, built.stdout]).toEqual([
      0,
      expect.stringMatching(/said given\n[^]*Successfully tagged classic:latest\n$/),
    ])
  },
  120_000,
)

test('docker compose builds and runs what it built', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-compose-'))
  using client = new DockerCli(server.address, { DOCKER_BUILDKIT: '0' })
  const compose = (...args: readonly string[]) =>
    client.run(['compose', '--project-directory', folder, '--progress', 'plain', ...args])
  try {
    writeFileSync(
      join(folder, 'compose.yaml'),
      [
        'services:',
        '  app:',
        '    build:',
        '      context: .',
        '      args: { WHO: compose }',
        '      labels: { made: here }',
        '    network_mode: none',
        '',
      ].join('\n'),
    )
    writeFileSync(
      join(folder, 'Dockerfile'),
      'FROM busybox\nARG WHO\nCOPY f /\nRUN echo "$WHO $(cat /f)" > /g\nCMD ["cat", "/g"]\n',
    )
    writeFileSync(join(folder, 'f'), 'built it')
    const built = await compose('build')
    expect([built.code, built.code === 0 ? '' : built.stderr]).toEqual([0, ''])
    const ran = await compose('run', '--rm', '-T', 'app')
    expect([ran.code, ran.stdout]).toEqual([0, 'compose built it\n'])
    const [name = ''] = (await client.output('images', '--format', '{{.Repository}}'))
      .split('\n')
      .filter((line) => line.endsWith('-app'))
    const labels = await client.output('inspect', '-f', '{{json .Config.Labels}}', name)
    expect(JSON.parse(labels)).toMatchObject({ made: 'here' })
    const failing = 'FROM busybox\nRUN echo before; exit 9\n'
    writeFileSync(join(folder, 'Dockerfile'), failing)
    const failed = await compose('build')
    expect([failed.code, failed.stdout + failed.stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining(
        "The command '/bin/sh -c echo before; exit 9' returned a non-zero code: 9",
      ),
    ])
    expect(failed.code).not.toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 180_000)

test('dockerode builds', async () => {
  const client = new Dockerode({ socketPath: server.socket })
  const { Readable } = await import('node:stream')
  const stream = await client.buildImage(
    Readable.from([Buffer.from(file('FROM busybox\nRUN echo from dockerode\n'))]),
    { t: 'rode' },
  )
  const messages = await new Promise<{ stream?: string }[]>((resolve, reject) => {
    client.modem.followProgress(stream, (error, output: { stream?: string }[]) =>
      error ? reject(error) : resolve(output),
    )
  })
  expect(messages.map(({ stream: text = '' }) => text).join('')).toContain('from dockerode')
  expect((await client.getImage('rode').inspect()).RepoTags).toEqual(['rode:latest'])
}, 120_000)

test('ADD fetches, checks what it was told to expect, and says what went wrong', async () => {
  const text = 'from the web\n'
  const web = createServer((incoming, answer) => {
    if (incoming.url !== '/dir/f.txt') answer.writeHead(404).end()
    else answer.writeHead(200, { 'last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT' }).end(text)
  }).listen(0, '127.0.0.1')
  await once(web, 'listening')
  try {
    const origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
    const add = (flags: string, path: string) =>
      build(server.socket, file(`FROM scratch\nADD ${flags} ${origin}${path} /x/\n`), {
        t: 'added',
      })
    const digest = createHash('sha256').update(text).digest('hex')
    expect((await add(`--checksum=sha256:${digest}`, '/dir/f.txt')).error).toBeUndefined()
    const { root } = await savedImage(server.socket, 'added')
    const node = nodeAt(root, 'x/f.txt')
    expect(node && contentOf(node)).toBe(text)
    expect([node?.mode, node?.mtime]).toEqual([0o600, 1_700_000_000])
    const wrong = await add(`--checksum=sha256:${'0'.repeat(64)}`, '/dir/f.txt')
    expect(wrong.error).toContain(`digest mismatch sha256:${digest}`)
    expect((await add('', '/nope')).error).toContain('invalid response status 404')
  } finally {
    web.close()
  }
}, 120_000)
