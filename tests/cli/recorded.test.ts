import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { EngineHandler } from '../../src/core/engine-http.ts'
import { docker } from '../support/memory-cli-host.ts'
import type { Exchange, Recording } from './recording.ts'

// What Docker's own CLI 28.5 said, and what a real engine answered it (record.ts): ours must say the same.
const recordings = (name: string): readonly Recording[] =>
  JSON.parse(
    readFileSync(new URL(`../golden/docker-cli/${name}.json`, import.meta.url), 'utf8'),
  ) as Recording[]

/** Path and sorted query without the version and without moments. */
function target(path: string): string {
  const [pathname = '', query = ''] = path.replace(/^\/v[\d.]+/, '').split('?')
  const pairs = [...new URLSearchParams(query)]
    .map(([name, value]) => (name === 'since' || name === 'until' ? name : `${name}=${value}`))
    .sort()
  return [pathname, ...pairs].join(' ')
}

/** Answers as the real engine did; each answer once. */
function replay(exchanges: readonly Exchange[]): EngineHandler {
  const left = [...exchanges]
  return (request) => {
    if (request.path === '/_ping') {
      return Promise.resolve({ status: 200, headers: { 'api-version': '1.51', ostype: 'linux' } })
    }
    const at = left.findIndex(
      ({ method, path }) => method === request.method && target(path) === target(request.path),
    )
    const [found] = at < 0 ? [] : left.splice(at, 1)
    if (found === undefined) {
      return Promise.reject(new Error(`not recorded: ${request.method} ${target(request.path)}`))
    }
    const { status, contentType, body } = found
    const headers = { 'content-type': contentType }
    if (status === 101) {
      const bytes = Buffer.from(body, 'base64')
      return Promise.resolve({
        status,
        headers,
        upgrade: (connection) =>
          new Blob([new Uint8Array(bytes)]).stream().pipeTo(connection.writable),
      })
    }
    return Promise.resolve({ status, headers, body: new Blob([body]).stream() })
  }
}

/** Where ours differs on purpose: a plugin, a version, or a flag for what it doesn't do. */
const differs: readonly (readonly [RegExp, string])[] = [
  [/^ {6}--cluster .*\n( {24}.*\n)*/gm, ''],
  [/ \+dfsg\d+/g, ''],
]
const common = (text: string): string =>
  differs.reduce((result, [pattern, replacement]) => result.replaceAll(pattern, replacement), text)

afterEach(() => void vi.useRealTimers())

describe.each(['usage', 'containers', 'images'])('%s', (name) => {
  test.each(recordings(name).map((recording) => [recording.argv.join(' '), recording] as const))(
    'docker %s',
    async (_, { argv, now, exchanges, stdout, stderr, code }) => {
      vi.useFakeTimers({ now, toFake: ['Date'] })
      const result = await docker(replay(exchanges), argv, { env: { HOME: '/root' } })
      expect({ ...result, out: common(result.out) }).toEqual({
        code,
        out: common(stdout),
        err: stderr,
      })
    },
  )
})
