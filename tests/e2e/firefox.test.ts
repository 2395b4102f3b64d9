import { launch, type Browser, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPageServer, type PageServer } from '../support/page.ts'

interface App extends Element {
  readonly tabs: readonly { readonly view: { readonly text: string } }[]
}

let server: PageServer
let browser: Browser
let page: Page

const screen = (): Promise<string> =>
  page.evaluate(() => document.querySelector<App>('drydock-app')?.tabs[0]?.view.text ?? '')

async function until(pattern: RegExp, milliseconds = 120_000): Promise<string> {
  const end = Date.now() + milliseconds
  for (;;) {
    const text = await screen()
    if (pattern.test(text)) return text
    if (Date.now() > end) throw new Error(`no ${String(pattern)} on the screen:\n${text}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

beforeAll(async () => {
  server = await startPageServer()
  browser = await launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
  })
  page = await browser.newPage()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})

test('Firefox starts and runs a container', async () => {
  await page.goto(server.url)
  await until(/root@drydock:[^\n]*# ?$/)
  await page.keyboard.type('docker run --rm busybox echo "from $((6*7))"\n')
  expect(await until(/\nfrom 42\n/)).toContain('Pulling from library/busybox')
}, 240_000)
