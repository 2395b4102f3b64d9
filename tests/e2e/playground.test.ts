import { mkdirSync } from 'node:fs'
import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, screenText, untilScreen } from '../support/page.ts'

const pictures = new URL('../../dist/screenshots/', import.meta.url).pathname

const chromium = useChromium()
let context: BrowserContext
let page: Page
const problems: string[] = []

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true })
  context = await chromium.browser.newContext({
    viewport: { width: 1200, height: 750 },
    colorScheme: 'dark',
  })
  page = await context.newPage()
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await page.goto(chromium.url)
  await untilScreen(page, PROMPT)
}, 180_000)

test('a newcomer runs a container', async () => {
  const hello = await command(page, 'docker run hello-world')
  expect(hello).toContain("Unable to find image 'hello-world:latest' locally")
  expect(hello).toContain('Hello from')
  await page.screenshot({ path: `${pictures}hello.png` })
}, 120_000)

test('the status line tells what is pulled, and how much there is', async () => {
  const status = (): Promise<string> =>
    page.evaluate(() => document.querySelector('status-line')?.shadowRoot?.textContent ?? '')
  await page.route('**/registry/blobs/**', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    await route.continue()
  })
  await page.keyboard.type('docker pull debian:12-slim\n')
  await expect.poll(status, { timeout: 20_000 }).toMatch(/Pulling debian:12-slim[^]*\d of \d+ MB/)
  await page.unroute('**/registry/blobs/**')
  await untilScreen(page, /Downloaded newer image for debian:12-slim\ndocker[^]*#$/, 60_000)
  await expect.poll(status).toMatch(/2 images/)
  expect(await status()).not.toContain('Pulling')
}, 120_000)

test('a shell in a container, and back', async () => {
  await command(page, 'docker pull -q busybox')
  await page.keyboard.type('docker run -it --rm busybox sh\n')
  await untilScreen(page, /\n\/ #$/)
  await page.keyboard.type('echo $((6*7)); tty; stty size\n')
  const text = await untilScreen(page, /\n42\n\/dev\/pts\/0\n\d+ \d+\n\/ #$/)
  expect(text).toContain('42')
  await page.keyboard.type('exit 3\n')
  await untilScreen(page, PROMPT)
  expect(await command(page, 'echo $?')).toBe('3')
}, 120_000)

test('background, ps, exec, logs, pipes', async () => {
  expect(
    await command(page, 'docker run -d --name web busybox sh -c "echo up; exec sleep 1000"'),
  ).toMatch(/^[0-9a-f]{64}$/)
  expect(await command(page, 'docker ps --format "{{.Names}} {{.State}}"')).toBe('web running')
  expect(await command(page, 'docker exec web hostname')).toMatch(/^[0-9a-f]{12}$/)
  expect(await command(page, 'docker logs web')).toBe('up')
  expect(await command(page, 'echo piped | docker run -i --rm busybox cat')).toBe('piped')
  expect(await command(page, 'for i in 1 2; do docker ps -q; done | wc -l')).toBe('2')
  expect(await command(page, 'docker ps -aq | xargs docker rm -f | wc -l')).toBe('2')
  expect(await command(page, 'docker ps -aq')).toBe('')
}, 120_000)

test("stdin is the shell's: a loop around docker keeps its lines", async () => {
  expect(
    await command(page, "printf 'a\\nb\\n' | while read x; do docker ps -q; echo got $x; done"),
  ).toBe('got a\ngot b')
}, 60_000)

test('Ctrl-C ends, Ctrl-Z stops, fg goes on', async () => {
  await command(
    page,
    'docker run -d --name loop busybox sh -c "while :; do echo tick; sleep 0.2; done"',
  )
  await page.keyboard.type('docker logs -f loop\n')
  await untilScreen(page, /tick\ntick$/)
  await page.keyboard.press('Control+C')
  await untilScreen(page, PROMPT)
  expect(await command(page, 'echo $?')).toBe('130')
  await page.keyboard.type('docker logs -f --tail 1 loop\n')
  await untilScreen(page, /tick\ntick$/)
  await page.keyboard.press('Control+Z')
  await untilScreen(page, /Stopped[^\n]*\n[^]*#$/)
  await page.keyboard.type('fg\n')
  await untilScreen(page, /tick\ntick$/)
  await page.keyboard.press('Control+C')
  await untilScreen(page, PROMPT)
}, 120_000)

test('attach, left by Ctrl-P Ctrl-Q; the size follows while a program runs', async () => {
  await command(page, 'docker run -dit --name stays busybox sh')
  await page.keyboard.type('docker attach stays\n\n')
  await untilScreen(page, /\n\/ #$/)
  await page.keyboard.type('stty size\n')
  const [, rows, cols] =
    /\n(\d+) (\d+)\n\/ #$/.exec(await untilScreen(page, /\n\d+ \d+\n\/ #$/)) ?? []
  await page.setViewportSize({ width: 800, height: 500 })
  await page.keyboard.type(
    `until [ "$(stty size)" != "${rows} ${cols}" ]; do :; done; echo changed\n`,
  )
  await untilScreen(page, /\nchanged\n\/ #$/)
  await page.setViewportSize({ width: 1200, height: 750 })
  await page.keyboard.press('Control+P')
  await page.keyboard.press('Control+Q')
  await untilScreen(page, PROMPT)
  expect(await command(page, 'docker ps --format "{{.Names}}" --filter name=stays')).toBe('stays')
  await page.keyboard.type('docker wait stays\n')
  await page.waitForTimeout(300)
  await page.keyboard.press('Control+Z')
  await untilScreen(page, /Stopped[^\n]*\n[^]*#$/)
  expect(await command(page, 'docker kill stays; fg')).toMatch(/stays\ndocker wait stays\n137$/)
}, 60_000)

test('what is pasted waits for Enter', async () => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.evaluate(() => navigator.clipboard.writeText('echo "ä 🐳"\necho second\n'))
  await page.keyboard.press('Control+Shift+V')
  await untilScreen(page, /#.*echo "ä 🐳"\necho second$/)
  await page.keyboard.press('Enter')
  await untilScreen(page, /\nä 🐳\nsecond\n.*#$/)
})

test("UTF-8, colours and the window's size arrive", async () => {
  expect(await command(page, 'docker run --rm busybox echo "Grüße 🐳 日本"')).toBe('Grüße 🐳 日本')
  await command(page, 'docker run --rm busybox printf "\\033[31mred\\033[0m\\n"')
  const red = page.locator('.xterm-fg-1', { hasText: 'red' }).last()
  expect(await red.evaluate((node) => getComputedStyle(node).color)).toMatch(/rgb\((1[5-9]|2)\d+, /)
  await page.setViewportSize({ width: 900, height: 600 })
  const size = await command(page, 'sleep 0.3; stty size; docker run -it --rm busybox stty size')
  const [outer, inner] = size.split('\n')
  expect(inner).toBe(outer)
  await page.setViewportSize({ width: 1200, height: 750 })
}, 60_000)

test('the API is there, too', async () => {
  expect(
    await command(page, 'curl -s --unix-socket /var/run/docker.sock http://d/_ping; echo'),
  ).toBe('OK')
}, 60_000)

test("errors are Docker's", async () => {
  expect(await command(page, 'docker run --rm busybox nosuch; echo $?')).toMatch(
    /executable file not found in \$PATH[^]*\n127$/,
  )
  expect(await command(page, 'docker rn; echo $?')).toMatch(
    /docker: unknown command: docker rn[^]*\n1$/,
  )
}, 60_000)

test('a reload needs no download and knows its containers', async () => {
  await command(page, 'docker ps -aq | xargs -r docker rm -f')
  await command(page, 'docker run -d --name kept busybox sleep 1000')
  await page.reload()
  await untilScreen(page, PROMPT)
  expect(await command(page, 'docker ps -a --format "{{.Names}} {{.State}}"')).toBe('kept exited')
  const blobs: string[] = []
  page.on('request', (request) => blobs.push(request.url()))
  expect(await command(page, 'docker run --rm busybox echo still')).toBe('still')
  expect(blobs.filter((url) => url.includes('/registry/'))).toEqual([])
}, 120_000)

test('a second tab of the same playground is told, another id is another engine', async () => {
  const second = await context.newPage()
  await second.goto(chromium.url)
  await second.getByRole('alert').waitFor()
  expect(await second.getByRole('alert').textContent()).toContain('open in another tab')
  await second.goto(`${chromium.url}?engine=other`)
  await untilScreen(second, PROMPT)
  const draw = 'head -c 16 /dev/urandom | md5sum; cat /proc/sys/kernel/random/uuid'
  expect(await command(second, 'docker images -q')).toBe('')
  expect(await command(second, draw)).not.toBe(await command(page, draw))
  await second.close()
}, 120_000)

test('light theme, tabs, cheat sheet', async () => {
  await page.getByRole('button', { name: 'Dark or light' }).click()
  await page.getByRole('button', { name: 'Try this' }).click()
  await page.screenshot({ path: `${pictures}light.png` })
  await page.getByRole('button', { name: 'Dark or light' }).click()
  await page.getByRole('button', { name: 'New shell' }).click()
  await untilScreen(page, PROMPT)
  await page.screenshot({ path: `${pictures}tabs.png` })
  expect(await screenText(page)).toMatch(PROMPT)
}, 60_000)

test('a keyboard reaches everything, and keeps its place', async () => {
  const focused = (): Promise<string> =>
    page.evaluate(() => {
      const { activeElement: found } = document
      const inner = found?.shadowRoot?.activeElement ?? found
      return inner?.getAttribute('aria-label') ?? inner?.textContent?.trim() ?? ''
    })
  await page.locator('.screen:not([hidden]) textarea').focus()
  await page.keyboard.press('F6')
  expect(await focused()).toMatch(/^Shell \d$/)
  const seen: string[] = []
  for (let presses = 0; presses < 8; presses++) {
    await page.keyboard.press('Tab')
    seen.push(await focused())
  }
  expect(seen).toEqual(
    expect.arrayContaining(['New shell', 'Larger text', 'Dark or light', 'Try this', 'Menu']),
  )
  await page.getByRole('button', { name: 'Larger text' }).focus()
  // A status that changes meanwhile must not take the focus.
  await page.keyboard.press('Enter')
  await page.waitForTimeout(400)
  expect(await focused()).toBe('Larger text')
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Dark or light' }).click()
  await page.getByRole('button', { name: 'Dark or light' }).click()
  expect(await focused()).toBe('Terminal input')
})

test('a narrow window shows all of it', async () => {
  for (const width of [1024, 420]) {
    await page.setViewportSize({ width, height: 700 })
    const sheet = page.getByRole('banner').getByRole('button', { name: 'Try this' })
    if ((await sheet.getAttribute('aria-expanded')) === 'false') await sheet.click()
    await page.screenshot({ path: `${pictures}${width}.png` })
    const outside = await page.evaluate(() =>
      [...document.querySelectorAll('header button, page-menu, cheat-sheet, .screen')]
        .filter((node) => node.getBoundingClientRect().right > innerWidth)
        .map((node) => node.className),
    )
    expect(outside).toEqual([])
    await page.locator('cheat-sheet button').first().click()
    await untilScreen(page, /# docker run hello-world$/)
    await page.keyboard.press('Control+C')
    await untilScreen(page, PROMPT)
    // Where it covers the terminal it goes away.
    expect(await sheet.getAttribute('aria-expanded')).toBe(String(width > 768))
  }
})

test('nothing was reported as an error', () => {
  expect(problems).toEqual([])
})
