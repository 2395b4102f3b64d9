import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TarWriter } from '../../src/codec/tar/write.ts'
import { build, call, savedImage, type Built } from '../support/build-images.ts'
import { startServer, type HeadlessServer } from '../support/headless-server.ts'
import { tarOf } from '../support/image-registry.ts'

const folder = mkdtempSync(join(tmpdir(), 'drydock-mounts-'))
let server: HeadlessServer

beforeAll(async () => {
  server = await startServer(folder)
  await call(server.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
}, 180_000)

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

let count = 0

/** A build of busybox whose steps are done. */
async function run(steps: readonly string[], query = {}): Promise<Built> {
  const text = `FROM busybox\nENV RUN_NUMBER=${++count}\n${steps.map((step) => `RUN ${step}\n`).join('')}`
  return build(server.socket, tarOf({ Dockerfile: text }), query)
}

async function output(...steps: readonly string[]): Promise<string> {
  const built = await run(steps)
  expect(built.error).toBeUndefined()
  return built.output
}

interface Usage {
  readonly ID: string
  readonly Type: string
  readonly Description: string
  readonly Size: number
  readonly UsageCount: number
}

const usage = async (): Promise<readonly Usage[]> => {
  const { bytes } = await call(server.socket, 'GET', '/system/df')
  const { BuildCache } = JSON.parse(new TextDecoder().decode(bytes)) as { BuildCache: Usage[] }
  return BuildCache.filter(({ Type }) => Type === 'exec.cachemount')
}

const cache = (options: string): string => `--mount=type=cache,${options}`

test('a cache lasts: over steps, builds and a restart, and none of it is in the image', async () => {
  await output(`${cache('target=/c')} echo one > /c/f && head -c 100000 /dev/zero > /c/big`)
  expect(await output(`${cache('target=/c')} cat /c/f; echo two >> /c/f`)).toContain('one')
  const built = await run([`${cache('target=/c')} wc -l < /c/f`], { t: 'cached' })
  expect(built.output).toMatch(/^2$/m)
  const { root } = await savedImage(server.socket, 'cached')
  expect(root.children?.has('c')).toBe(false)
  await call(server.socket, 'POST', '/containers/prune')
  await server[Symbol.asyncDispose]()
  server = await startServer(folder)
  expect(await output(`${cache('target=/c')} cat /c/f`)).toMatch(/one\ntwo/)
}, 180_000)

test('caches are told apart by id, else by target; read-only ones stay as they are', async () => {
  await output(`${cache('target=/d,id=shelf')} echo kept > /d/f`)
  expect(await output(`${cache('target=/e,id=shelf,ro')} cat /e/f; touch /e/x || true`)).toMatch(
    /kept\n[^]*Read-only file system/,
  )
  expect(await output(`${cache('target=/d')} ls /d; echo end`)).not.toMatch(/^f$/m)
}, 180_000)

test('a cache is made with the mode and the owners that were asked for', async () => {
  const step = `${cache('target=/m,mode=1770,uid=7,gid=8')} stat -c '%a %u %g' /m`
  expect(await output(step)).toContain('1770 7 8')
  expect(await output(`${cache('target=/plain')} stat -c '%a %u %g' /plain`)).toContain('755 0 0')
}, 180_000)

test('a cache begins with what it is from', async () => {
  const text = (from: string): string =>
    `FROM busybox AS seed\nRUN mkdir -p /s/sub && echo ${from} > /s/sub/f && chmod 711 /s && chown 5:6 /s/sub/f\n` +
    `FROM busybox\nRUN --mount=type=cache,from=seed,source=/s,target=/c cat /c/sub/f; stat -c '%a' /c; stat -c '%u:%g' /c/sub/f; echo more >> /c/sub/f\n`
  const once = async (from: string): Promise<string> =>
    (await build(server.socket, tarOf({ Dockerfile: text(from) }), { nocache: '1' })).output
  expect(await once('first')).toMatch(/first\n711\n5:6/)
  expect(await once('first')).toMatch(/first\nmore\n711/)
  expect(await once('other')).toMatch(/other\n711/)
}, 180_000)

test('private caches are not shared by steps that run at once, locked ones wait', async () => {
  const stages = (sharing: string): string =>
    ['a', 'b']
      .map(
        (name) =>
          `FROM busybox AS ${name}\nRUN --mount=type=cache,target=/c,id=${sharing},sharing=${sharing} mkdir /c/busy && sleep 0.3 && rmdir /c/busy && echo ${name} >> /c/all && cp /c/all /${name}\n`,
      )
      .join('') + 'FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\nRUN cat /a /b | wc -l\n'
  const lines = async (sharing: string): Promise<string> => {
    const { bytes } = await call(
      server.socket,
      'POST',
      '/build',
      tarOf({ Dockerfile: stages(sharing) }),
      { 'x-drydock-trace': '1' },
    )
    return new TextDecoder().decode(bytes)
  }
  // Each has a line of its own, or the second finds what the first has left.
  expect(await lines('private')).toContain('"2\\n"')
  expect(await lines('locked')).toContain('"3\\n"')
}, 180_000)

test('du and prune know the caches', async () => {
  const before = await usage()
  const shelf = before.find(({ Description }) => Description.includes('with id "shelf"'))
  expect(shelf).toMatchObject({ UsageCount: 2 })
  expect(
    before.find(({ Description }) => Description.startsWith('cached mount /c '))?.Size,
  ).toBeGreaterThan(100_000)
  const filters = encodeURIComponent(JSON.stringify({ type: ['exec.cachemount'], id: [shelf?.ID] }))
  const { bytes } = await call(server.socket, 'POST', `/build/prune?filters=${filters}`)
  expect(JSON.parse(new TextDecoder().decode(bytes))).toMatchObject({ CachesDeleted: [shelf?.ID] })
  expect(await usage()).toHaveLength(before.length - 1)
  expect(await output(`${cache('target=/d,id=shelf')} ls /d; echo end`)).not.toMatch(/^f$/m)
  await call(server.socket, 'POST', '/build/prune')
  expect(await usage()).toEqual([])
  // Nothing of it is among the volumes.
  const volumes = await call(server.socket, 'GET', '/volumes')
  expect(new TextDecoder().decode(volumes.bytes)).not.toContain('build-')
}, 180_000)

test('what is written to bind,rw is gone with the step', async () => {
  const text = [
    'FROM busybox AS tools',
    'RUN mkdir /t && echo tool > /t/f && chmod 750 /t && chown 3:4 /t',
    'FROM busybox',
    "RUN --mount=type=bind,from=tools,source=/t,target=/t,rw cat /t/f && echo changed > /t/f && echo new > /t/g && cat /t/f /t/g && stat -c '%a %u:%g' /t",
    'RUN --mount=type=bind,from=tools,source=/t,target=/t,rw ls /t && cat /t/f',
    'RUN --mount=target=/context,rw rm /context/file && touch /context/other && ls /context',
    'RUN --mount=source=file,target=/one,rw cat /one && echo again > /one && cat /one',
    '',
  ].join('\n')
  const built = await build(server.socket, tarOf({ Dockerfile: text, file: 'file\n' }), { t: 'rw' })
  expect(built.error).toBeUndefined()
  expect(built.output).toMatch(/tool\nchanged\nnew\n750 3:4\n/)
  expect(built.output).toMatch(/---> Running in \w+\nf\ntool\n/)
  expect(built.output).toMatch(/Dockerfile\nother\n/)
  expect(built.output).toMatch(/file\nagain\n/)
  const { root } = await savedImage(server.socket, 'rw')
  for (const name of ['t', 'context', 'one']) expect(root.children?.has(name)).toBe(false)
}, 180_000)

/** As our CLI sends a build with secrets. */
function bundle(dockerfile: string, secrets: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const writer = new TarWriter()
  const own = { mode: 0o600, uid: 0, gid: 0, mtime: 0 }
  const parts: Uint8Array[] = []
  const put = (path: string, bytes: Uint8Array): void => {
    parts.push(
      writer.header({ path, kind: 'file', size: bytes.length, ...own }),
      bytes,
      writer.padding(bytes.length),
    )
  }
  put('Dockerfile', Buffer.from(dockerfile))
  for (const [name, bytes] of Object.entries(secrets)) put(`secrets/${name}`, bytes)
  parts.push(writer.end())
  return new Uint8Array(Buffer.concat(parts))
}

test('secrets of any bytes are there for their step, and nowhere else', async () => {
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const key = Buffer.from('correct horse battery staple')
  const text = [
    'FROM busybox',
    "RUN --mount=type=secret,id=bytes sha256sum < /run/secrets/bytes && stat -c '%a %u:%g %s' /run/secrets/bytes",
    "RUN --mount=type=secret,id=key,target=/root/.key,mode=0440,uid=5,gid=6 test -s /root/.key && stat -c '%a %u:%g' /root/.key",
    'RUN --mount=type=secret,id=key,env=KEY test ! -e /run/secrets/key && echo "${#KEY} characters"',
    'RUN --mount=type=secret,id=absent ls /run/secrets 2>&1 | grep -c absent || true',
    'RUN ls /run/secrets /root/.key 2>&1 || true',
    '',
  ].join('\n')
  const send = (query: object, body: Uint8Array): Promise<Built> =>
    build(server.socket, body, { bundle: '1', t: 'secret', ...query })
  const built = await send({}, bundle(text, { bytes: every, key }))
  expect(built.error).toBeUndefined()
  const digest = '40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880'
  expect(built.output).toMatch(new RegExp(`^${digest}`, 'm'))
  expect(built.output).toContain('400 0:0 256')
  expect(built.output).toContain('440 5:6')
  expect(built.output).toContain('28 characters')
  expect(built.output).toMatch(/ls: \/run\/secrets: No such file/)
  const archive = await call(server.socket, 'GET', '/images/secret/get')
  expect(Buffer.from(archive.bytes).includes(key)).toBe(false)
  const logs = await call(server.socket, 'GET', '/system/df')
  expect(Buffer.from(logs.bytes).includes(key)).toBe(false)
  // Another content is no reason to run a step again.
  const again = await send({}, bundle(text, { bytes: key, key: Buffer.from('other') }))
  expect(again.output.match(/Using cache/g)).toHaveLength(5)
  const missing = await send(
    {},
    bundle('FROM busybox\nRUN --mount=type=secret,id=no,required true\n', {}),
  )
  expect(missing.error).toContain('secret no: not found')
  const binary = await send(
    {},
    bundle('FROM busybox\nRUN --mount=type=secret,id=bytes,env=B true\n', { bytes: every }),
  )
  expect(binary.error).toContain('no text that an environment variable can hold')
}, 180_000)
