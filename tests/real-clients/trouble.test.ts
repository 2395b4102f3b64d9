import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DockerCli, Transcript } from '../support/docker-cli.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { ImageRegistry, tarOf } from '../support/image-registry.ts'
import { serveRegistry, type RegistryServer } from '../support/registry-server.ts'

const image = {
  layers: [tarOf({ 'etc/': '', 'etc/motd': 'hello\n' }), tarOf({ top: 'x'.repeat(99) })],
}

const registry = new ImageRegistry()
let listening: RegistryServer
let server: HeadlessServer
let docker: DockerCli

beforeAll(async () => {
  listening = await serveRegistry(registry)
  server = await startServer()
  docker = new DockerCli(server.address)
  await docker.output('pull', '-q', 'busybox')
}, 180_000)

afterAll(async () => {
  docker?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
  await listening?.[Symbol.asyncDispose]()
})

describe('images that are not what they should be', () => {
  const refused = async (name: string): Promise<string> => {
    const { code, stderr } = await docker.run(['pull', `${listening.name}/${name}`])
    expect(code).toBe(1)
    expect(await docker.output('images', '-q', `${listening.name}/${name}`)).toBe('')
    return stderr.trim()
  }
  /** Damage the last layer; what a pull of it says then. */
  const damaged = async (name: string, damage: (bytes: Uint8Array) => Uint8Array) => {
    const layer = registry.add(`${name}:latest`, image).layers.at(-1) ?? ''
    const whole = registry.blobs.get(layer) ?? new Uint8Array()
    registry.blobs.set(layer, damage(Uint8Array.from(whole)))
    const message = await refused(name)
    registry.blobs.set(layer, whole)
    // Nothing of the failure stays in the way.
    await docker.output('pull', `${listening.name}/${name}`)
    await docker.output('rmi', `${listening.name}/${name}`)
    return message.replace(layer, 'LAYER')
  }

  test('a flipped byte', async () => {
    expect(
      await damaged('flipped', (bytes) => {
        bytes[20] = (bytes[20] ?? 0) ^ 1
        return bytes
      }),
    ).toBe('filesystem layer verification failed for digest LAYER')
  })

  test('a truncated layer', async () => {
    expect(await damaged('short', (bytes) => bytes.subarray(0, -10))).toMatch(
      /^filesystem layer verification failed for digest LAYER|unexpected EOF/,
    )
  }, 60_000)

  test('no linux/386', async () => {
    registry.add('big:latest', { ...image, platforms: ['linux/amd64', 'linux/arm64'] })
    expect(await refused('big')).toContain(
      'no matching manifest for linux/386 in the manifest list entries: the image offers linux/amd64, linux/arm64',
    )
  })

  test('unknown image, unknown tag, no registry', async () => {
    expect(await refused('nosuch')).toContain('pull access denied for')
    registry.add('there:latest', image)
    expect(await refused('there:nosuch')).toContain('manifest unknown')
    const { code, stderr } = await docker.run(['run', '127.0.0.1:1/x'])
    expect([code, stderr]).toEqual([125, expect.stringMatching(/Get "http:\/\/127.0.0.1:1\/v2\/"/)])
  })
})

describe('clients that are killed', () => {
  test('in a pull: it ends, and nothing of it stays', async () => {
    registry.add('held:latest', image)
    registry.hold = new Promise(() => undefined)
    const pull = docker.spawn('pull', `${listening.name}/held`)
    await expect.poll(() => registry.open, { timeout: 10_000 }).toBeGreaterThan(0)
    pull.kill('SIGKILL')
    await expect.poll(() => registry.open, { timeout: 10_000 }).toBe(0)
    registry.hold = undefined
    expect(await docker.output('images', '-q', `${listening.name}/held`)).toBe('')
  })

  test('while a container starts: it runs or it does not, and no process is left over', async () => {
    for (let wait = 0; wait < 60; wait += 10) {
      const id = (await docker.output('create', 'busybox', 'sleep', '4321')).trim()
      const client = connect(server.socket)
      client.write(`POST /containers/${id}/start HTTP/1.1\r\nHost: d\r\n\r\n`)
      await sleep(wait)
      client.destroy()
    }
    await sleep(500)
    const running = (await docker.output('ps', '-q')).split('\n').length - 1
    const all = await docker.output('run', '--rm', '--pid', 'host', 'busybox', 'ps')
    expect(all.split('\n').filter((line) => line.endsWith(' sleep 4321'))).toHaveLength(running)
    for (const id of (await docker.output('ps', '-aq')).trim().split('\n')) {
      await docker.output('start', id)
      await docker.output('rm', '-f', id)
    }
  }, 120_000)

  test('in the middle of docker run: the container lives on', async () => {
    const run = docker.spawn(
      'run',
      '--name',
      'lives',
      'busybox',
      'sh',
      '-c',
      'while :; do echo x; sleep 0.1; done',
    )
    await new Transcript(run).until(/x\n/)
    run.kill('SIGKILL')
    await sleep(300)
    expect(await docker.output('inspect', '-f', '{{.State.Status}}', 'lives')).toBe('running\n')
    await docker.output('rm', '-f', 'lives')
  })
})

test('many at once, on a machine that has just been restored', async () => {
  await using fresh = await startServer()
  using client = new DockerCli(fresh.address)
  await client.output('pull', '-q', 'busybox')
  const texts = Array.from({ length: 24 }, (_, number) => `${number}\n`)
  const outputs = await Promise.all(
    texts.map((text) => client.output('run', '--rm', 'busybox', 'echo', text.trim())),
  )
  expect(outputs).toEqual(texts)
  expect(await client.output('ps', '-aq')).toBe('')
}, 180_000)

test('bytes that are no HTTP, and JSON that is none', async () => {
  const answerTo = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = ''
      const client = connect(server.socket)
      client.on('data', (chunk) => {
        answer += String(chunk)
      })
      client.on('error', reject)
      client.on('close', () => resolve(answer))
      client.end(text)
    })
  expect(await answerTo('\u0016\u0003\u0001 hello\r\n\r\n')).toContain('HTTP/1.1 400 ')
  const body = '{"Image": '
  const answer = await answerTo(
    `POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*\{"message":"invalid JSON: /)
})
