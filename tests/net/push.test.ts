import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProgressMessage } from '../../src/core/engine-api.ts'
import { openLab, type NetworkLab } from '../support/network-lab.ts'
import { startRealRegistry, type RealRegistry } from '../support/real-registry.ts'

// `docker push` as courses teach it with a registry of one's own: Debian's docker-registry on this machine, and the catalog's in a container.
// What the client prints was compared with Docker 28.5.2 pushing to the same docker-registry.

let lab: NetworkLab
let real: RealRegistry
let host: string

beforeAll(async () => {
  lab = await openLab()
  real = await startRealRegistry('busybox:latest', 'lab/busybox:1')
  host = `localhost:${real.port}`
}, 180_000)

afterAll(async () => {
  await real?.[Symbol.asyncDispose]()
  await lab?.[Symbol.asyncDispose]()
})

const lines = async (command: string): Promise<string[]> =>
  (await lab.output(command)).trimEnd().split('\n')

const DIGEST = /^latest: digest: (sha256:[0-9a-f]{64}) size: \d+$/

test('an image is pushed, again, to another repository, and comes back as it was', async () => {
  await lab.output(`tag busybox ${host}/b`)
  const id = (await lab.output('inspect -f {{.Id}} busybox')).trim()
  const layer = (await lab.output(['inspect', '-f', '{{json .RootFS.Layers}}', 'busybox'])).slice(
    9,
    21,
  )
  const first = await lines(`push ${host}/b`)
  const digest = DIGEST.exec(first.at(-1) ?? '')?.[1] ?? ''
  expect(first).toEqual([
    'Using default tag: latest',
    `The push refers to repository [${host}/b]`,
    `${layer}: Preparing`,
    `${layer}: Pushed`,
    expect.stringContaining(digest),
  ])
  expect(await lines(`push ${host}/b`)).toEqual([
    ...first.slice(0, 3),
    `${layer}: Layer already exists`,
    first.at(-1),
  ])
  await lab.output(`tag busybox ${host}/other/c:x`)
  expect((await lines(`push ${host}/other/c:x`)).slice(2)).toEqual([
    `${layer}: Mounted from b`,
    first.at(-1)?.replace('latest', 'x'),
  ])
  await lab.output(`tag busybox ${host}/other/c:y`)
  expect((await lines(`push -a ${host}/other/c`)).filter((line) => /^[xy]: /.test(line))).toEqual([
    first.at(-1)?.replace('latest', 'x'),
    first.at(-1)?.replace('latest', 'y'),
  ])
  expect(await lab.output(`push -q ${host}/b`)).toBe(`${host}/b:latest\n`)
  expect(await lab.output(['inspect', '-f', '{{json .RepoDigests}}', `${host}/b`])).toContain(
    `${host}/b@${digest}`,
  )
  const manifest = await fetch(`http://${host}/v2/b/manifests/latest`, {
    headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json' },
  })
  expect(manifest.headers.get('docker-content-digest')).toBe(digest)
  // The name that the catalog gave it goes as well: all is fetched anew.
  await lab.output(['rmi', '-f', id])
  expect(await lines(`pull ${host}/b`)).toContain(`Digest: ${digest}`)
  expect((await lab.output(`inspect -f {{.Id}} ${host}/b`)).trim()).toBe(id)
  expect(await lab.output(`run --rm ${host}/b echo back`)).toBe('back\n')
}, 120_000)

test('what fails is told in Docker’s words', async () => {
  const error = async (command: string): Promise<string> => {
    const { code, err } = await lab.docker(command)
    expect(code).toBe(1)
    return err.trim()
  }
  expect(await error(`push ${host}/nosuch`)).toBe(
    `An image does not exist locally with the tag: ${host}/nosuch`,
  )
  expect(await error(`push ${host}/b:nosuch`)).toBe(`tag does not exist: ${host}/b:nosuch`)
  await lab.output(`tag ${host}/b localhost:28651/b`)
  expect(await error('push localhost:28651/b')).toMatch(
    /^Get "http:\/\/localhost:28651\/v2\/": dial tcp (127\.0\.0\.1|\[::1\]):28651: connect: connection refused$/,
  )
})

test('a registry that wants a password gets the client’s', async () => {
  const basic = `Basic ${Buffer.from('ann:secret').toString('base64')}`
  const door = createServer((incoming, outgoing) => {
    if (incoming.headers.authorization !== basic) {
      incoming.resume()
      outgoing.writeHead(401, { 'www-authenticate': 'Basic realm="lab"' }).end()
      return
    }
    const { method = '', url = '', headers } = incoming
    const onward = httpRequest(`http://${host}${url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(onward)
  }).listen(0, '127.0.0.1')
  await once(door, 'listening')
  try {
    const name = `localhost:${(door.address() as AddressInfo).port}/mine`
    await lab.output(`tag ${host}/b ${name}`)
    const push = async (credentials: object): Promise<ProgressMessage | undefined> => {
      const auth = Buffer.from(JSON.stringify(credentials)).toString('base64url')
      const answer = await lab.engine.request('POST', `/images/${name}/push?tag=latest`, {
        headers: { 'x-registry-auth': auth },
      })
      expect(answer.status).toBe(200)
      return answer.lines<ProgressMessage>().at(-1)
    }
    expect((await push({}))?.error).toBe('no basic auth credentials')
    expect(await push({ username: 'ann', password: 'secret' })).toMatchObject({
      progressDetail: {},
      aux: { Tag: 'latest', Size: expect.any(Number) as unknown },
    })
  } finally {
    door.close()
    door.closeAllConnections()
  }
})

test('a registry in a container: a layer of many requests, pulled by another name and run', async () => {
  await lab.output('run -d --name registry -p 28650:5000 registry')
  await lab.output('run --name maker busybox dd if=/dev/urandom of=/big bs=1M count=12')
  await lab.output('commit maker localhost:28650/big')
  const sum = await lab.output('run --rm localhost:28650/big sha256sum /big')
  for (let attempt = 0; ; attempt++) {
    const { code, err } = await lab.docker('push localhost:28650/big')
    if (code === 0) break
    // It is still starting.
    if (attempt === 100 || !/refused|reset|closed|socket/.test(err)) throw new Error(err)
    await new Promise((resolve) => {
      setTimeout(resolve, 200)
    })
  }
  await lab.output('rm maker')
  await lab.output('rmi localhost:28650/big')
  await lab.output('pull localhost:28650/big')
  expect(await lab.output('run --rm localhost:28650/big sha256sum /big')).toBe(sum)
  await lab.output('rm -f registry')
}, 180_000)
