import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, beforeAll, test } from 'vitest'
import { chromiumOptions, startPageServer, type PageServer } from '../support/page.ts'
import { buildBenchPage } from './bench-page.ts'
import { bigWrites, coldRead, numbersOf, syncedWrites } from './disk-programs.ts'
import { record } from './record.ts'

const IMAGE = 'debian:12-slim'
const profile = mkdtempSync(join(tmpdir(), 'drydock-bench-profile-'))
let server: PageServer
let context: BrowserContext
let page: Page

beforeAll(async () => {
  await buildBenchPage()
  server = await startPageServer()
  // A profile on disk: a private one stores in memory, and syncs nothing.
  context = await chromium.launchPersistentContext(profile, chromiumOptions)
  page = await context.newPage()
})

afterAll(async () => {
  await context?.close()
  await server?.[Symbol.asyncDispose]()
  rmSync(profile, { recursive: true, force: true })
})

/** The page anew, with the same stores. */
async function open(): Promise<void> {
  await page.goto(`${server.url}bench/`)
  await page.evaluate((assets) => window.bench.open(assets), server.url)
}

const output = (command: readonly string[]): Promise<string> =>
  page.evaluate(([image, line]) => window.bench.output(image, line), [IMAGE, [...command]] as const)

test('a volume in Chromium', async () => {
  await open()
  await page.evaluate(() => window.bench.pull('debian', '12-slim'))
  record('disk-sync-chromium', numbersOf(await output(syncedWrites(800))).slice(200))
  record('disk-write-chromium', numbersOf(await output(bigWrites(64, 7))).slice(1))
  const reads: number[] = []
  for (let round = 0; round < 5; round++) {
    await open()
    // The program comes out of the image first, and is no part of the figure.
    await output(['perl', '-e', '1'])
    reads.push(...numbersOf(await output(coldRead)))
  }
  record('disk-read-chromium', reads)
})
