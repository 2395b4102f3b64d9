import type { Browser, Page, Request } from 'playwright-core'
import { afterAll, beforeAll, test } from 'vitest'
import {
  command,
  launchChromium,
  PROMPT,
  startPageServer,
  untilScreen,
  type PageServer,
} from '../support/page.ts'
import { buildBenchPage } from './bench-page.ts'
import { record } from './record.ts'

let server: PageServer
let browser: Browser

beforeAll(async () => {
  await buildBenchPage()
  server = await startPageServer()
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})

/** Milliseconds from the navigation to the first prompt on the screen. */
async function untilPrompt(page: Page, navigate: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await navigate()
  await untilScreen(page, PROMPT)
  return performance.now() - started
}

test('page open and reload', async () => {
  const first: number[] = []
  const reload: number[] = []
  const download: number[] = []
  for (let index = 0; index < 20; index++) {
    const context = await browser.newContext()
    const page = await context.newPage()
    let transferred = 0
    const count = async (request: Request): Promise<void> => {
      const sizes = await request.sizes()
      transferred += sizes.responseBodySize + sizes.responseHeadersSize
    }
    // A request of a page that is gone has no sizes.
    context.on('requestfinished', (request) => void count(request).catch(() => undefined))
    first.push(await untilPrompt(page, () => page.goto(server.url)))
    await page.waitForTimeout(300)
    download.push(transferred / 1e6)
    reload.push(await untilPrompt(page, () => page.reload()))
    await context.close()
  }
  record('page-first', first)
  record('page-reload', reload)
  record('download', download)
})

test('typed in the shell', async () => {
  const page = await browser.newPage()
  await page.goto(server.url)
  await command(page, 'docker pull -q busybox')
  const line = 'docker run --rm --network none busybox true'
  await command(page, `for i in $(seq 30); do ${line}; done`, 120_000)
  const output = await command(
    page,
    `TIMEFORMAT=%R; for i in $(seq 20); do time ${line}; done`,
    120_000,
  )
  record(
    'run-shell',
    output.split('\n').map((seconds) => Number(seconds) * 1000),
  )
  await page.close()
})

test('engine and machine in a worker', async () => {
  const page = await browser.newPage()
  await page.goto(`${server.url}bench/`)
  const base = server.url
  await page.evaluate((assets) => window.bench.open(assets), base)
  record(
    'ping-chromium',
    await page.evaluate(async () => {
      await window.bench.ping(200)
      return window.bench.ping(300)
    }),
  )
  const rates = (kind: 'streamOut' | 'streamIn'): Promise<number[]> =>
    page.evaluate(async (name) => {
      const samples: number[] = []
      for (let index = 0; index < 22; index++) samples.push(await window.bench[name](64e6))
      return samples.slice(2)
    }, kind)
  record('stream-out-chromium', await rates('streamOut'))
  record('stream-in-chromium', await rates('streamIn'))
  record(
    'pull-chromium',
    await page.evaluate(async () => {
      const samples: number[] = []
      for (let index = 0; index < 20; index++) {
        samples.push(...(await window.bench.pull('debian', '12-slim')))
        await window.bench.removeImage('debian:12-slim')
      }
      return samples
    }),
  )
  record(
    'run-chromium',
    await page.evaluate(async () => {
      await window.bench.pull('busybox', 'latest')
      await window.bench.run(30)
      return window.bench.run(40)
    }),
  )
  record(
    'exec-chromium',
    await page.evaluate(async () => {
      await window.bench.exec(30)
      return window.bench.exec(40)
    }),
  )
  record('list-chromium', await page.evaluate(() => window.bench.list(50)))
  await page.close()
})
