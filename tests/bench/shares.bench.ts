import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { NodeSharedFiles } from '../../src/hosts/node/shares/node-shared-files.ts'
import type { GuestMachine } from '../../src/machine/guest-machine.ts'
import { containerSpec, containerStart } from '../support/container-spec.ts'
import { BUSYBOX, finish, sh, startMachine } from '../support/guest.ts'
import { record } from './record.ts'

const MEGABYTES = 32
const FILES = 2000

let share: string
let machine: GuestMachine

beforeAll(async () => {
  share = realpathSync(mkdtempSync(join(tmpdir(), 'drydock-bench-share-')))
  writeFileSync(join(share, 'big'), Buffer.alloc(MEGABYTES * 1e6, 'x'))
  // Like a project's node_modules: small files in many directories.
  for (let file = 0; file < FILES; file++) {
    const directory = join(share, 'many', String(file % 100))
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `file-${file}`), 'x'.repeat(500))
  }
  machine = await startMachine({ shares: [new NodeSharedFiles(share)] })
}, 60_000)

afterAll(async () => {
  await machine[Symbol.asyncDispose]()
  rmSync(share, { recursive: true, force: true })
})

/** Milliseconds of a script in a container that runs already; the first run warms it. */
async function timed(times: number, script: string): Promise<number[]> {
  const loop = `while read line; do ${script}; echo done; done`
  const plain = containerStart(BUSYBOX, containerSpec(sh(loop)))
  const mount = { destination: '/s', type: 'bind', source: '/run/shares/0', options: ['rbind'] }
  const process = await machine.processes.run({
    ...plain,
    spec: { ...plain.spec, mounts: [...(plain.spec.mounts ?? []), mount] },
  })
  const input = process.stdin.getWriter()
  const output = process.output.getReader()
  const samples: number[] = []
  for (let run = 0; run <= times; run++) {
    const began = performance.now()
    await input.write(new TextEncoder().encode('\n'))
    await output.read()
    if (run > 0) samples.push(performance.now() - began)
  }
  output.releaseLock()
  await input.close()
  await finish(process)
  await machine.containers.delete(plain.container)
  return samples
}

const rates = (samples: readonly number[]): number[] =>
  samples.map((milliseconds) => (MEGABYTES * 1000) / milliseconds)

test('a big file', async () => {
  record('share-read', rates(await timed(5, 'cat /s/big > /dev/null')))
  record(
    'share-write',
    rates(await timed(5, `dd if=/dev/zero of=/s/out bs=1000000 count=${MEGABYTES} 2> /dev/null`)),
  )
})

test('many small files', async () => {
  record('share-stat', await timed(3, 'find /s/many -type f -size 0 > /dev/null'))
  record('share-read-small', await timed(3, 'cat /s/many/*/* > /dev/null'))
})
