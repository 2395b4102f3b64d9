import { expect, test } from 'vitest'
import { readTar } from '../../src/codec/tar/read.ts'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import { docker } from '../support/memory-cli-host.ts'

interface Sent {
  readonly query: URLSearchParams
  readonly files: Readonly<Record<string, string>>
}

/** An engine that keeps what `POST /build` brings and says that it is built. */
function builder(): { handler: EngineHandler; sent: Sent[] } {
  const sent: Sent[] = []
  const handler: EngineHandler = async ({ path, body }) => {
    if (path === '/_ping') return { status: 200, headers: { 'api-version': '1.51' } }
    const files: Record<string, string> = {}
    const decoder = new TextDecoder()
    if (body) {
      const tar = readTar(body, ({ path }, bytes) => {
        files[path] = (files[path] ?? '') + decoder.decode(bytes)
      })
      for await (const { path, kind } of tar) files[path] ??= kind
    }
    sent.push({ query: new URLSearchParams(path.split('?')[1]), files })
    const lines = [
      '{"stream":"Step 1/1 : FROM busybox\\n"}',
      '{"aux":{"ID":"sha256:abc"}}',
      '{"stream":"Successfully built abc\\n"}',
    ]
    return { status: 200, headers: {}, body: new Blob([lines.join('\r\n')]).stream() }
  }
  return { handler, sent }
}

const files = {
  '/work/app/Dockerfile': 'FROM busybox\n',
  '/work/app/.dockerignore': 'secret\nlogs/*\n!logs/keep\nDockerfile\n',
  '/work/app/main.c': 'int main;',
  '/work/app/secret': 'x',
  '/work/app/logs/keep': 'k',
  '/work/app/logs/drop': 'd',
  '/work/other.Dockerfile': 'FROM other\n',
}

test('sends the directory without what is ignored, and shows what the builder says', async () => {
  const { handler, sent } = builder()
  const argv = [
    'build',
    '-t',
    'app:1',
    '--build-arg',
    'A=1',
    '--build-arg',
    'HOME',
    '--build-arg',
    'NONE',
    '--iidfile',
    'id',
    'app',
  ]
  const result = await docker(handler, argv, { files, env: { HOME: '/root' } })
  expect(result.code).toBe(0)
  expect(result.out).toBe('Step 1/1 : FROM busybox\nSuccessfully built abc\n')
  expect(result.err).toMatch(/^#1 \[internal\] load build definition from Dockerfile$/m)
  expect(sent[0]?.files).toEqual({
    '.dockerignore': 'secret\nlogs/*\n!logs/keep\nDockerfile\n',
    Dockerfile: 'FROM busybox\n',
    logs: 'directory',
    'logs/keep': 'k',
    'main.c': 'int main;',
  })
  expect(Object.fromEntries(sent[0]?.query ?? [])).toEqual({
    buildargs: '{"A":"1","HOME":"/root"}',
    dockerfile: 'Dockerfile',
    rm: '1',
    t: 'app:1',
    version: '1',
  })
})

test('a Dockerfile from elsewhere comes along; one alone has no context', async () => {
  const { handler, sent } = builder()
  expect(
    (await docker(handler, ['build', '-q', '-f', 'other.Dockerfile', 'app'], { files })).out,
  ).toBe('sha256:abc\n')
  const name = sent[0]?.query.get('dockerfile') ?? ''
  expect(name).toMatch(/^\.dockerfile\.\w+$/)
  expect(sent[0]?.files[name]).toBe('FROM other\n')
  await docker(handler, ['build', '-'], { stdin: 'FROM stdin\n' })
  expect(Object.values(sent[1]?.files ?? {})).toContain('FROM stdin\n')
})

test('what is missing is told in Docker’s words', async () => {
  const { handler } = builder()
  expect((await docker(handler, ['build', 'nope'], { files })).err).toBe(
    'unable to prepare context: path "nope" not found\n',
  )
  expect((await docker(handler, ['build', '-f', 'nope', 'app'], { files })).err).toBe(
    'failed to build: failed to solve: failed to read dockerfile: open nope: no such file or directory\n',
  )
})

test('a file that changes while it is read ends the build with its name', async () => {
  const { handler, sent } = builder()
  // Longer than its stat says.
  const changing = { ...files, '/work/app/main.c': 'é' }
  const { code, err } = await docker(handler, ['build', '-t', 'x', 'app'], { files: changing })
  expect([code, err]).toEqual([
    1,
    expect.stringContaining('failed to build: /work/app/main.c changed while it was read'),
  ])
  expect(sent).toEqual([])
})
