import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkImage, contextOf, corpus, type Expected } from '../support/build-corpus.ts'
import { build, call, readImage, savedImage, type ImageContent } from '../support/build-images.ts'
import { recordOf, type ImageRecord } from '../support/build-record.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'

/** What a real engine made of each: recorded with DRYDOCK_BUILD_PEER and DRYDOCK_BUILD_RECORD set, see below. */
const RECORDS = new URL('../golden/build-images/dockerd.json', import.meta.url).pathname
const recorded = (existsSync(RECORDS) ? JSON.parse(readFileSync(RECORDS, 'utf8')) : {}) as Readonly<
  Record<string, ImageRecord>
>

const baseOf = ({ config, layers }: ImageContent) => ({
  layers: layers.length,
  env: config.config?.Env ?? [],
})

test("there is a real engine's result to compare with", () => {
  expect(Object.keys(recorded).length).toBeGreaterThanOrEqual(30)
})

describe('each Dockerfile of the corpus, on the real guest', () => {
  let server: HeadlessServer
  let busybox: ImageContent
  let base: ReturnType<typeof baseOf>

  beforeAll(async () => {
    server = await startServer()
    await call(server.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
    busybox = await savedImage(server.socket, 'busybox:latest')
    base = baseOf(busybox)
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
      const image = await savedImage(server.socket, `corpus/${name}:latest`)
      checkImage(image, expected, base)
      const real = recorded[name]
      if (real) expect(recordOf(image, busybox)).toEqual(real)
    },
    120_000,
  )
})

/** A real engine's socket, and a docker client with buildx: the same expectations hold there. */
const peer = process.env['DRYDOCK_BUILD_PEER']
const client = process.env['DRYDOCK_BUILD_CLIENT'] ?? 'docker'
const run = promisify(execFile)

describe.skipIf(peer === undefined)('the same on a real engine', () => {
  let busybox: ImageContent
  let base: ReturnType<typeof baseOf>
  const records: Record<string, ImageRecord> = {}
  const folder = mkdtempSync(join(tmpdir(), 'drydock-corpus-'))
  const docker = (...args: string[]) => run(client, ['-H', peer ?? '', ...args])
  /** Drydock's busybox under a name of its own: so commands write the same, and the peer's stays as it is. */
  const BASE = 'corpus-base:latest'

  const image = async (name: string): Promise<ImageContent> => {
    const file = join(folder, 'image.tar')
    await docker('save', '-o', file, name)
    return readImage(readFileSync(file))
  }

  beforeAll(async () => {
    await using server = await startServer()
    await call(server.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
    await call(server.socket, 'POST', '/images/busybox/tag?repo=corpus-base&tag=latest')
    const { bytes } = await call(server.socket, 'GET', `/images/${BASE}/get`)
    writeFileSync(join(folder, 'base.tar'), bytes)
    await docker('load', '-i', join(folder, 'base.tar'))
    busybox = await image(BASE)
    base = baseOf(busybox)
  }, 180_000)

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    if (process.env['DRYDOCK_BUILD_RECORD'] !== undefined) {
      const known = { ...recorded, ...records }
      const kept = corpus.flatMap(({ name }) => (known[name] ? [[name, known[name]]] : []))
      writeFileSync(RECORDS, JSON.stringify(Object.fromEntries(kept), null, 1))
    }
  })

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
      const building = docker(
        'build',
        '--network',
        'none',
        '--platform',
        'linux/386',
        '--build-context',
        `busybox=docker-image://${BASE}`,
        '-t',
        `corpus/${name}`,
        '-f',
        join(source, 'Dockerfile'),
        ...flagsOf(expected),
        context,
      )
      if (expected.error !== undefined) {
        await expect(building).rejects.toThrow(expected.peerError ?? expected.error)
        return
      }
      await building
      const built = await image(`corpus/${name}`)
      checkImage(built, expected, base)
      records[name] = recordOf(built, busybox)
    },
    120_000,
  )
})
