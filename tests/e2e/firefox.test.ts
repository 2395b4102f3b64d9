import { launch, type Browser, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPageServer, type PageServer } from '../support/page.ts'

interface App extends Element {
  readonly tabs?: readonly { readonly view: { readonly text: string } }[]
}

let server: PageServer
let browser: Browser
let page: Page

const screen = (): Promise<string> =>
  page.evaluate(() => document.querySelector<App>('drydock-app')?.tabs?.[0]?.view.text ?? '')

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

test('a volume and a file of the home are there after a reload in Firefox', async () => {
  await page.keyboard.type(
    'docker run --rm -v data:/d busybox sh -c "echo volume > /d/f"; echo home > ~/f; sync; echo "written $((6*7))"\n',
  )
  await until(/\nwritten 42\n/)
  await page.reload()
  await until(/^[^\n]*\n+root@drydock:[^\n]*# ?$/)
  await page.keyboard.type(
    'cat ~/f; docker run --rm -v data:/d busybox cat /d/f; echo "read $((6*7))"\n',
  )
  const text = await until(/\nread 42\n/)
  expect(text).toContain('\nhome\nvolume\n')
  // The image is there, too.
  expect(text).not.toContain('Pulling from')
}, 240_000)

test('Firefox edits a file, and the shell sees it', async () => {
  await page.keyboard.type('clear; echo before > edited\n')
  await page.locator('aria/Files[role="button"]').click()
  await page.locator('[role="treeitem"][data-path="/root/edited"]').click()
  await page.waitForFunction(
    () => document.querySelector('files-view .view-lines')?.textContent?.includes('before'),
    { timeout: 60_000 },
  )
  await page.keyboard.type('typed ')
  await page.keyboard.down('Control')
  await page.keyboard.press('s')
  await page.keyboard.up('Control')
  await page.waitForFunction(() => document.querySelector('files-view .unsaved') === null, {
    timeout: 60_000,
  })
  await page.locator('.screen:not([hidden]) textarea').click()
  await page.keyboard.type('cat edited\n')
  await until(/\ntyped before\n/)
}, 240_000)
