import { launch, type Browser, type Frame, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPageServer, type PageServer } from '../support/page.ts'
import { siteCommands } from '../support/preview.ts'
import { startReports, type ReportServer } from '../support/report-server.ts'

interface App extends Element {
  readonly tabs: readonly { readonly view: { readonly text: string; paste(text: string): void } }[]
}

interface Report {
  readonly event: 'load' | 'events' | 'idle'
  readonly text: string
  readonly count: number
  readonly errors: number
}

let server: PageServer
let reports: ReportServer<Report>
let browser: Browser
let page: Page

const screen = (): Promise<string> =>
  page.evaluate(() => document.querySelector<App>('drydock-app')?.tabs[0]?.view.text ?? '')

const PROMPT = /root@drydock:[^\n]*# ?$/

async function until<T>(what: () => Promise<T | undefined>, milliseconds = 120_000): Promise<T> {
  const end = Date.now() + milliseconds
  for (;;) {
    const found = await what().catch(() => undefined)
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error(`not in time:\n${await screen()}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const prompt = (): Promise<string> =>
  until(async () => {
    const text = await screen()
    return PROMPT.test(text) ? text : undefined
  })

/** Run a command in the shell. */
async function run(line: string): Promise<void> {
  const lines = (await prompt()).split('\n').length
  await page.evaluate(
    (text) => document.querySelector<App>('drydock-app')?.tabs[0]?.view.paste(text),
    line,
  )
  await page.keyboard.press('Enter')
  await until(async () => {
    const text = await screen()
    return PROMPT.test(text) && text.split('\n').length > lines ? true : undefined
  })
}

const containerFrame = (): Promise<Frame> =>
  until(async () => {
    const found = page.frames().find((frame) => /-8080\.[^/]*\/(?!__bridge)/.test(frame.url()))
    // The page itself, not the preview's own that waits for it.
    return found && (await found.evaluate(() => document.title)) === 'Site' ? found : undefined
  })

beforeAll(async () => {
  server = await startPageServer()
  reports = await startReports()
  browser = await launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
  })
  page = await browser.newPage()
  await page.setViewport({ width: 1400, height: 800 })
  await page.goto(server.url)
  for (const line of siteCommands('site', 8080)) await run(line)
  await page.evaluate(() => {
    const line = document.querySelector('status-line')
    line?.shadowRoot?.querySelector('button')?.click()
  })
}, 300_000)

afterAll(async () => {
  await browser?.close()
  await reports?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

test('a page with its style, script and picture, and a form', async () => {
  const frame = await containerFrame()
  const found = await frame.evaluate(async () => {
    const picture = document.querySelector('img')
    await picture?.decode()
    return {
      color: getComputedStyle(document.querySelector('h1') as Element).color,
      scripted: (window as unknown as { scripted: number }).scripted,
      picture: picture?.naturalWidth,
    }
  })
  expect(found).toEqual({ color: 'rgb(1, 2, 3)', scripted: 42, picture: 20 })
  const upload = await frame.evaluate(async () => {
    const bytes = new Uint8Array(1_000_000).fill(7)
    return (await fetch('/upload', { method: 'POST', body: bytes })).text()
  })
  expect(upload).toBe('1000000 7000000')
  await frame.evaluate(() => document.querySelector('form')?.submit())
  const said = await until(async () => {
    const text = await frame.evaluate(() => document.querySelector('p')?.textContent ?? undefined)
    return text?.startsWith('POST') ? text : undefined
  })
  expect(said).toBe('POST word=from+a+form')
  await frame.evaluate(() => location.assign('/'))
}, 120_000)

test('a hostile page reaches neither the page around it nor its address', async () => {
  const frame = await containerFrame()
  const outcomes = await frame.evaluate((playground) => {
    const attempts: (() => unknown)[] = [
      () => top?.document.title,
      () => top?.localStorage.length,
      () => top?.location.href,
      () => Object.assign(document, { domain: 'preview.localhost' }),
      () => Object.assign(top?.location ?? {}, { href: 'https://example.com/' }),
      () => parent.open(playground, '_top'),
    ]
    return attempts.map((attempt) => {
      try {
        return `did: ${String(attempt())}`
      } catch (error) {
        return (error as Error).name
      }
    })
  }, server.url)
  expect(outcomes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'SecurityError'))
  expect(outcomes[5]).toMatch(/SecurityError|InvalidAccessError|did: null/)
  expect(page.url()).toBe(server.url)
  const read = await frame.evaluate(
    (playground) =>
      fetch(`${playground}config.json`).then(
        () => 'read',
        () => 'refused',
      ),
    server.url,
  )
  expect(read).toBe('refused')
}, 120_000)

test('a page that is loaded past its service worker comes again', async () => {
  const frame = await containerFrame()
  // Firefox has an argument for it, which nobody else has.
  await frame.evaluate(() => location.reload.call(location, ...([true] as unknown as [])))
  await until(async () => {
    const found = await containerFrame()
    return found.evaluate(() => '__bridge-boot' in sessionStorage)
  })
  const again = await containerFrame()
  expect(await again.evaluate(async () => (await fetch('/chunks')).text())).toBe('onetwothree')
}, 120_000)

test('events longer than a service worker lives, and one that was idle: with no debugger', async () => {
  const frame = await containerFrame()
  await frame.evaluate((target) => location.assign(target), `/watch?${reports.url}&36&36`)
  await reports.until(({ event }) => event === 'load')
  const firefox = browser.process()
  await browser.disconnect()
  try {
    // Without pings the stream is cut at 30 s, which looks like its end.
    expect(await reports.until(({ event }) => event === 'events')).toMatchObject({
      count: 36,
      errors: 0,
    })
    expect(await reports.until(({ event }) => event === 'idle')).toMatchObject({
      text: 'onetwothree',
    })
  } finally {
    firefox?.kill()
  }
}, 180_000)
