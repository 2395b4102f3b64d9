import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, untilScreen } from '../support/page.ts'

const chromium = useChromium()
let context: BrowserContext
let page: Page

beforeAll(async () => {
  context = await chromium.browser.newContext({ viewport: { width: 1200, height: 750 } })
  page = await context.newPage()
  await page.goto(chromium.url)
  await untilScreen(page, PROMPT, 60_000)
}, 180_000)

test('files of the home, a layer and a volume are there again after a reload', async () => {
  await command(page, 'docker pull -q busybox', 60_000)
  await command(page, 'echo mine > ~/note; mkdir -p ~/work/deep; echo x > ~/work/deep/file')
  await command(
    page,
    'docker run --name kept -v data:/data busybox sh -c "echo layer > /file; echo volume > /data/file"',
    60_000,
  )
  expect(await command(page, 'cat /var/lib/docker/volumes/data/_data/file')).toBe('volume')
  await command(page, 'sync')
  await page.reload()
  await untilScreen(page, PROMPT, 60_000)
  expect(await command(page, 'cat ~/note ~/work/deep/file')).toBe('mine\nx')
  expect(await command(page, 'docker ps -a --format "{{.Names}} {{.Status}}"')).toMatch(
    /^kept Exited \(0\)/,
  )
  expect(await command(page, 'docker cp kept:/file - | tar xO', 60_000)).toBe('layer')
  expect(await command(page, 'docker run --rm -v data:/x busybox cat /x/file', 60_000)).toBe(
    'volume',
  )
}, 240_000)

test('a directory of the shell is bound, and made when it is missing', async () => {
  expect(await command(page, 'docker run --rm -v ~/work:/w busybox cat /w/deep/file', 60_000)).toBe(
    'x',
  )
  await command(page, 'docker run --rm -v ~/made/here:/w busybox touch /w/by-container', 60_000)
  expect(await command(page, 'ls ~/made/here')).toBe('by-container')
  expect(
    await command(
      page,
      'docker run --rm --mount type=bind,source=/nosuch,target=/w busybox true; echo $?',
    ),
  ).toContain('bind source path does not exist: /nosuch')
}, 240_000)
