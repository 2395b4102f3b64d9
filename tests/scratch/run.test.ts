import { test } from 'vitest'
import { readFileSync, mkdtempSync, createReadStream, existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { compileEmulator, registryFolder, arrayBufferOf } from '../../src/hosts/node/assets.ts'
import { nodeClock } from '../../src/hosts/node/clock.ts'
import { GuestMachine } from '../../src/machine/guest-machine.ts'
import { openFileStores } from '../../src/hosts/node/stores/file-stores.ts'
import { createEngine } from '../../src/engine/engine.ts'
import { createApi } from '../../src/api/handler.ts'
import { CatalogTransport } from '../../src/storage/catalog.ts'
import { FetchTransport } from '../../src/storage/fetch-transport.ts'
test('run', async () => {
  const state = arrayBufferOf(readFileSync('/tmp/snapshot.bin'))
  const t0 = performance.now()
  const machine = new GuestMachine({
    wasm: await compileEmulator(),
    source: { kind: 'snapshot', state },
    clock: nodeClock,
    engineId: 'x',
    hostname: 'drydock',
    log: (l) => console.log('G:', l),
  })
  console.log(await machine.info(), performance.now() - t0)
  const stores = await openFileStores(mkdtempSync('/tmp/dd-'))
  const engine = await createEngine({
    ...stores,
    machine,
    clock: nodeClock,
    registry: new CatalogTransport(
      async (p) =>
        existsSync(`${registryFolder}/${p}`)
          ? (Readable.toWeb(
              createReadStream(`${registryFolder}/${p}`),
            ) as ReadableStream<Uint8Array>)
          : undefined,
      new FetchTransport(),
    ),
    version: { version: '1', gitCommit: 'x', buildTime: '' },
    name: 'x',
    id: 'x',
  })
  const api = createApi(engine)
  const r = await api({
    method: 'POST',
    path: '/images/create?fromImage=busybox&tag=latest',
    headers: {},
    signal: new AbortController().signal,
    id: 'r',
  })
  console.log(await new Response(r.body).text())
  const image = await engine.images.get('busybox')
  const { tree, root } = await engine.images.tree(image.id)
  machine.addTree(tree, root)
  for (let i = 0; i < 40; i++) {
    const container = i.toString(16).padStart(64, '0')
    const t1 = performance.now()
    const p = await machine.run({
      container,
      rootfs: { tree, upper: 'tmpfs' },
      files: {},
      spec: {
        ociVersion: '1.2.0',
        hostname: 'box',
        root: { path: 'rootfs' },
        process: {
          args: i ? ['true'] : ['sh', '-c', 'echo hi; id; mount; ls /; hostname'],
          cwd: '/',
          user: { uid: 0, gid: 0 },
          env: ['PATH=/bin'],
        },
        mounts: [
          { destination: '/proc', type: 'proc', source: 'proc' },
          { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
          {
            destination: '/dev/pts',
            type: 'devpts',
            source: 'devpts',
            options: ['newinstance', 'ptmxmode=0666'],
          },
          { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
        ],
        linux: {
          namespaces: ['mount', 'pid', 'uts', 'ipc', 'network', 'cgroup'].map((type) => ({ type })),
        },
      },
    })
    let out = ''
    for await (const c of p.output) out += c.stream + ':' + new TextDecoder().decode(c.bytes)
    const e = await p.exited
    const t2 = performance.now()
    await machine.delete(container)
    if (i < 3 || i > 35)
      console.log(out, e, t2 - t1, performance.now() - t2, JSON.stringify((p as any).timings))
  }
  console.log('ping', await machine.ping(), await machine.ping())
  await machine[Symbol.asyncDispose]()
}, 120000)
