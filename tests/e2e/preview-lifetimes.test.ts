import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command, PROMPT, startPageServer, untilScreen, type PageServer } from '../support/page.ts'
import { startPlainChromium, type PlainChromium } from '../support/plain-chromium.ts'
import { openPreview, startSite } from '../support/preview.ts'
import { startReports, type ReportServer } from '../support/report-server.ts'

// What a visitor's browser does by itself. A debugger keeps service workers alive, so none is attached while it is watched: the
// container's page tells what it sees.

interface Report {
  readonly event: 'load' | 'idle'
  readonly host: string
  readonly text: string
  readonly time: number
  /** Times that the service worker asked for a channel. */
  readonly lost: number
  /** How often the page was loaded. */
  readonly load: number
  /** The origin's own page stood in for the service worker. */
  readonly isBooted: boolean
}

let server: PageServer
let chromium: PlainChromium
let reports: ReportServer<Report>

beforeAll(async () => {
  server = await startPageServer()
  reports = await startReports()
  chromium = await startPlainChromium(server.url)
}, 120_000)

afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]()
  await reports?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

/** Drive the browser, then leave it alone. */
async function drive(
  steps: (pages: readonly Page[], open: () => Promise<Page>) => Promise<void>,
): Promise<void> {
  const browser = await chromium.attach()
  const [context] = browser.contexts()
  if (!context) throw new Error('no context')
  await steps(context.pages(), () => context.newPage())
  await browser.close()
}

test('a second tab has its own; both live over an idle service worker', async () => {
  await drive(async ([first], open) => {
    if (!first) throw new Error('no page')
    await untilScreen(first, PROMPT)
    await startSite(first, 'one', 8080)
    // It is there again after the reload.
    await command(first, 'docker update --restart always one')
    const frame = await openPreview(first, 8080)
    const second = await open()
    await second.goto(`${server.url}?engine=two`)
    await untilScreen(second, PROMPT)
    await command(
      second,
      'docker run -d -p 8080:80 busybox sh -c "echo two > /index.html; exec httpd -f -h /"',
      60_000,
    )
    const other = await openPreview(second, 8080)
    await expect
      .poll(() => other.textContent('body').catch(() => ''), { timeout: 20_000 })
      .toMatch(/^two\s*$/)
    expect(new URL(other.url()).host).toMatch(/^s1-8080\./)
    // Last: the debugger is gone before the idle time ends.
    await frame.evaluate((target) => location.assign(target), `/watch?${reports.url}&0&50`)
  })
  expect(await reports.until(({ event }) => event === 'load')).toMatchObject({
    host: expect.stringMatching(/^s0-8080\./) as unknown,
    text: 'onetwothree',
  })
  const idle = await reports.until(({ event }) => event === 'idle')
  expect(idle).toMatchObject({ text: 'onetwothree' })
  expect(idle.lost).toBeGreaterThan(0)
}, 240_000)

test('a page comes again after a hard reload of the playground, and without its service worker', async () => {
  // On its second load it takes its service worker away, and loads once more.
  const html = `<!doctype html><script>
    const load = 1 + Number(sessionStorage.load ?? 0)
    sessionStorage.load = load
    const told = { event: 'load', load, host: location.host, isBooted: '__bridge-boot' in sessionStorage }
    fetch('${reports.url}', { method: 'POST', mode: 'no-cors', body: JSON.stringify(told) }).then(async () => {
      if (load !== 2) return
      for (const found of await navigator.serviceWorker.getRegistrations()) await found.unregister()
      location.reload()
    })
  </script>`
  const loaded = (load: number): Promise<Report> =>
    reports.until((report) => report.event === 'load' && report.load === load)
  await drive(async (pages) => {
    const first = pages.find((page) => page.url() === server.url)
    if (!first) throw new Error('no page')
    await first.bringToFront()
    await first.locator('.screen:not([hidden])').click()
    await command(
      first,
      `docker run -d --restart always -p 8090:80 busybox sh -c "echo ${Buffer.from(html).toString('base64')} | base64 -d > /index.html; exec httpd -f -h /"`,
      60_000,
    )
    await openPreview(first, 8090)
  })
  const host = expect.stringMatching(/^s0-8090\./) as unknown
  expect(await loaded(1)).toMatchObject({ host, isBooted: false })
  await chromium.hardReload(server.url)
  expect(await loaded(2)).toMatchObject({ host })
  expect(await loaded(3)).toMatchObject({ host, isBooted: true })
}, 240_000)
