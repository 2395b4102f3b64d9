import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import { docker } from '../support/memory-cli-host.ts'

interface Recorded {
  readonly name: string
  readonly dockerfile: string
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * What `docker build --check .` of buildx 0.29.1 says, with BuildKit of dockerd 28.5.2, in a directory that holds `kept`,
 * `ignored/a`, and `.dockerignore` with `ignored`.
 */
const recorded = JSON.parse(
  readFileSync(new URL('../golden/build-check/buildx.json', import.meta.url), 'utf8'),
) as readonly Recorded[]

/** An engine that has busybox. */
const engine: EngineHandler = ({ path }) =>
  Promise.resolve({
    status: path.includes('/busybox/json') ? 200 : 404,
    headers: { 'content-type': 'application/json' },
    body: new Blob([
      JSON.stringify(
        path.includes('/busybox/json')
          ? { Id: 'sha256:1', Config: { Env: ['PATH=/bin'] } }
          : { message: 'No such image' },
      ),
    ]).stream(),
  })

test('the recordings hold every rule', () => {
  expect(recorded.length).toBeGreaterThanOrEqual(50)
  const names = new Set(
    recorded.flatMap(({ stdout }) =>
      [...stdout.matchAll(/^WARNING: (\w+) /gm)].map(([, name]) => name),
    ),
  )
  expect(names.size).toBe(21)
})

test.each(recorded.map((item) => [item.name, item] as const))(
  '%s',
  async (_, { dockerfile, code, stdout, stderr }) => {
    const result = await docker(engine, ['build', '--check', '.'], {
      files: {
        '/work/Dockerfile': dockerfile,
        '/work/.dockerignore': 'ignored\n',
        '/work/kept': 'k',
        '/work/ignored/a': 'a',
      },
    })
    expect(result.out.trim()).toBe(stdout.trim())
    expect(result.err.trim()).toBe(stderr.trim())
    expect(result.code).toBe(code)
  },
)
