import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { startHeadless, type Headless } from '../../src/hosts/node/headless.ts'
import { timed } from './api-requests.ts'
import { streamIn, streamOut } from './guest-streams.ts'
import { record } from './record.ts'

const MEGABYTES = 64e6

let folder: string
let headless: Headless

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-bench-machine-'))
  headless = await startHeadless({ data: folder })
  await headless.machine.guest.info()
})

afterAll(async () => {
  await headless[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

test('ping', async () => {
  await timed(200, () => headless.machine.guest.ping())
  record('ping', await timed(500, () => headless.machine.guest.ping()))
})

test('streams', async () => {
  const out: number[] = []
  const into: number[] = []
  for (let index = 0; index < 22; index++) {
    out.push(await streamOut(headless.machine, MEGABYTES))
    into.push(await streamIn(headless.machine, MEGABYTES))
  }
  record('stream-out', out.slice(2))
  record('stream-in', into.slice(2))
})
