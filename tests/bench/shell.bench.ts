import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, test } from 'vitest'
import {
  command,
  launchChromium,
  startPageServer,
  untilScreen,
  type PageServer,
} from '../support/page.ts'
import { percentile } from './figures.ts'
import { MANY_FILES, manyFilesInQemu, roundsOf } from './many-files.ts'
import { record } from './record.ts'

let server: PageServer
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await startPageServer()
  browser = await launchChromium()
  page = await browser.newPage()
  await page.goto(server.url)
  await command(page, 'docker pull -q busybox', 60_000)
})

afterAll(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})

/** Milliseconds that `time` says of each, after as many that don't count. */
async function timed(line: string, count: number): Promise<number[]> {
  await command(page, `for i in $(seq ${count}); do ${line}; done > /dev/null`, 120_000)
  const output = await command(
    page,
    `TIMEFORMAT=%R; for i in $(seq ${count}); do time ${line} > /dev/null; done`,
    120_000,
  )
  return output.split('\n').map((seconds) => Number(seconds) * 1000)
}

test('typed in the shell, on the bridge', async () => {
  record('run-shell-bridge', await timed('docker run --rm busybox true', 20))
})

test('many files', async () => {
  const steps = 'for i in $(seq 5000); do : > "$i"; done; ls -l; rm -r ../many'
  const lines = await command(
    page,
    `TIMEFORMAT=%R; for n in 1 2 3 4 5; do mkdir many; time (cd many; ${steps}) > /dev/null; done`,
    300_000,
  )
  record(
    'shell-files',
    lines.split('\n').map((seconds) => Number(seconds) * 1000),
  )
})

test('many files by busybox, beside qemu where it is installed', async () => {
  const peer = await manyFilesInQemu()
  if (!peer) return
  const line = 'docker run --rm --network none -v files:/data busybox sh -c'
  const rounds = roundsOf(await command(page, `${line} '${MANY_FILES}'`, 300_000))
  const median = percentile(peer, 0.5)
  record(
    'files-peer',
    rounds.map((milliseconds) => (100 * milliseconds) / median),
  )
})

test('Tab', async () => {
  record('complete-shell', await timed('docker __complete run --rm bu', 20))
})

test('key echo', async () => {
  await page.keyboard.type('clear\n')
  await untilScreen(page, /^root@drydock:[^\n]*#$/)
  // In the page, so that the way to the browser does not count.
  await page.evaluate(() => {
    const rows = document.querySelector('.xterm-rows')
    const samples: number[] = []
    let pressed = 0
    let before = 0
    const seen = (): number => (rows?.textContent ?? '').split('x').length
    addEventListener(
      'keydown',
      () => {
        before = seen()
        pressed = performance.now()
      },
      { capture: true },
    )
    new MutationObserver(() => {
      if (pressed === 0 || seen() <= before) return
      samples.push(performance.now() - pressed)
      pressed = 0
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
    Object.assign(globalThis, { samples })
  })
  for (let index = 0; index < 120; index++) {
    await page.keyboard.press('x')
    await page.waitForTimeout(80)
    if (index % 60 === 59) await page.keyboard.press('Control+U')
  }
  const samples = await page.evaluate(() => (globalThis as { samples?: number[] }).samples ?? [])
  record('key-echo', samples.slice(20))
})
