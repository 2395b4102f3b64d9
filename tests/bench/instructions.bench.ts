import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { Resources } from '../../src/core/resources.ts'
import { startHeadless, type Headless } from '../../src/hosts/node/headless.ts'
import { listen } from '../../src/hosts/node/listen.ts'
import { ApiRequests, execTrue, runTrue } from './api-requests.ts'
import type { FigureId } from './figures.ts'
import { record } from './record.ts'

// What a command costs in the guest: the same on any machine, however busy it is.

const MILLION = 1e6
/** Rounds whose work on files and namespaces made ahead is not that of later ones. */
const WARM = 8
const ROUNDS = 20

let folder: string
let headless: Headless
let api: ApiRequests
const opened = new Resources()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-bench-instructions-'))
  headless = opened.use(await startHeadless({ data: folder }))
  const path = join(folder, 'docker.sock')
  opened.use(await listen({ path }, headless.handler, headless.requestId))
  api = opened.use(new ApiRequests(path))
  await api.drain('POST', '/images/create?fromImage=busybox&tag=latest')
})

afterAll(async () => {
  await opened[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function count(id: FigureId, action: () => Promise<unknown>): Promise<void> {
  const samples: number[] = []
  for (let round = 0; round < WARM + ROUNDS; round++) {
    const before = headless.machine.instructions
    await action()
    // The counter has 32 bits.
    samples.push(((headless.machine.instructions - before) >>> 0) / MILLION)
  }
  record(id, samples.slice(WARM))
}

test('instructions of a run, an exec, a ping', async () => {
  await count('run-instructions', () => runTrue(api))
  await count('run-bridge-instructions', () => runTrue(api, 'bridge'))
  const { Id } = await api.json<{ Id: string }>('POST', '/containers/create', {
    Image: 'busybox',
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none' },
  })
  await api.json('POST', `/containers/${Id}/start`)
  await count('exec-instructions', () => execTrue(api, Id))
  await count('ping-instructions', () => headless.machine.guest.ping())
  await api.json('DELETE', `/containers/${Id}?force=1`)
})
