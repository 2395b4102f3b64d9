import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkImage, contextOf, corpus, type Expected } from '../support/build-corpus.ts'
import { build, call, readImage, savedImage, type ImageContent } from '../support/build-images.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

const baseOf = ({ config, layers }: ImageContent) => ({
  layers: layers.length,
  env: config.config?.Env ?? [],
})

describe('each Dockerfile of the corpus, on the real guest', () => {
  let server: HeadlessServer
  let base: ReturnType<typeof baseOf>

  beforeAll(async () => {
    server = await startServer()
    await call(server.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
    base = baseOf(await savedImage(server.socket, 'busybox:latest'))
  }, 180_000)

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
  })

  test.each(corpus.map((item) => [item.name, item] as const))(
    '%s',
    async (name, { folder, expected }) => {
      const { tar, dockerfile } = await contextOf(folder)
      const built = await build(server.socket, tar, {
        ...expected.query,
        dockerfile,
        t: `corpus/${name}`,
      })
      if (expected.output !== undefined) expect(built.output).toContain(expected.output)
      if (expected.error !== undefined) {
        expect(built.error).toContain(expected.error)
        // Nothing half-built has a name.
        const { status } = await call(server.socket, 'GET', `/images/corpus/${name}/json`)
        expect(status).toBe(404)
        return
      }
      expect(built.error).toBeUndefined()
      checkImage(await savedImage(server.socket, `corpus/${name}:latest`), expected, base)
    },
    120_000,
  )
})

/** A real engine's socket, and a docker client with buildx: the same expectations hold there. */
const peer = process.env['DRYDOCK_BUILD_PEER']
const client = process.env['DRYDOCK_BUILD_CLIENT'] ?? 'docker'
const run = promisify(execFile)

describe.skipIf(peer === undefined)('the same on a real engine', () => {
  let base: ReturnType<typeof baseOf>
  const folder = mkdtempSync(join(tmpdir(), 'drydock-corpus-'))
  const docker = (...args: string[]) => run(client, ['-H', peer ?? '', ...args])

  const image = async (name: string): Promise<ImageContent> => {
    const file = join(folder, 'image.tar')
    await docker('save', '-o', file, name)
    return readImage(readFileSync(file))
  }

  beforeAll(async () => {
    base = baseOf(await image('busybox:latest'))
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const flagsOf = ({ query }: Expected): string[] => [
    ...Object.entries((query?.['buildargs'] ?? {}) as Record<string, string>).flatMap(
      ([name, value]) => ['--build-arg', `${name}=${value}`],
    ),
    ...Object.entries((query?.['labels'] ?? {}) as Record<string, string>).flatMap(
      ([name, value]) => ['--label', `${name}=${value}`],
    ),
    ...(typeof query?.['target'] === 'string' ? ['--target', query['target']] : []),
  ]

  test.each(
    corpus
      .filter(({ expected }) => expected.peer !== false)
      .map((item) => [item.name, item] as const),
  )(
    '%s',
    async (name, { folder: source, expected }) => {
      const context = existsSync(join(source, 'context'))
        ? join(source, 'context')
        : join(folder, 'empty')
      mkdirSync(join(folder, 'empty'), { recursive: true })
      const built = docker(
        'build',
        '--network',
        'none',
        '-t',
        `corpus/${name}`,
        '-f',
        join(source, 'Dockerfile'),
        ...flagsOf(expected),
        context,
      )
      if (expected.error !== undefined) {
        await expect(built).rejects.toThrow(expected.peerError ?? expected.error)
        return
      }
      await built
      checkImage(await image(`corpus/${name}`), expected, base)
    },
    120_000,
  )
})
