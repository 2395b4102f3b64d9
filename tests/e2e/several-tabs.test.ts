import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, untilScreen } from '../support/page.ts'

const chromium = useChromium()
let context: BrowserContext

beforeAll(async () => {
  context = await chromium.browser.newContext({ viewport: { width: 1200, height: 750 } })
}, 180_000)

async function open(engine: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${chromium.url}?engine=${engine}`)
  return page
}

const says = (page: Page, title: string | RegExp): Promise<void> =>
  page.getByRole('alert').getByRole('heading', { name: title }).waitFor({ timeout: 60_000 })

/** Press the only button of what stands before the page. */
const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('alert').getByRole('button', { name }).click()

test('a second tab takes over and gives back; nothing is lost on the way', async () => {
  const first = await open('shared')
  await command(first, 'docker run -d --name kept --restart always busybox sleep 1000', 60_000)
  // Not synced: the machine is when it stops in good order.
  await command(first, 'echo first > ~/note')
  const second = await open('shared')
  await says(second, 'This playground is open in another tab')
  expect(await second.getByRole('status').textContent()).toContain('Not running')
  await press(second, 'Use it here')
  await says(first, 'This playground is open in another tab now')
  expect(await first.getByRole('status').textContent()).toContain('Not running')
  expect(await command(second, 'cat ~/note', 60_000)).toBe('first')
  await expect
    .poll(() => command(second, 'docker ps --format "{{.Names}} {{.State}}"'), { timeout: 30_000 })
    .toBe('kept running')
  await command(second, 'echo second > ~/note')
  await press(first, 'Take it back')
  await says(second, 'This playground is open in another tab now')
  expect(await command(first, 'cat ~/note', 60_000)).toBe('second')
  // A reload of who has it is nothing special, and asks nobody.
  await first.reload()
  expect(await command(first, 'cat ~/note', 60_000)).toBe('second')
  await second.reload()
  await says(second, 'This playground is open in another tab')
  await first.close()
  await press(second, 'Use it here')
  await untilScreen(second, PROMPT, 60_000)
  await second.close()
}, 240_000)

test('a tab that hangs loses the playground, and writes nothing when it wakes up', async () => {
  const first = await open('hung')
  await command(first, 'echo stored > ~/note; sync', 60_000)
  await command(first, 'while :; do echo $((n++)) >> ~/late; sync; done &')
  const [worker] = first.workers()
  if (!worker) throw new Error('the page has no worker')
  const second = await open('hung')
  await says(second, 'This playground is open in another tab')
  const hang = worker.evaluate(() => {
    const end = performance.now() + 12_000
    while (performance.now() < end);
  })
  await press(second, 'Use it here')
  await untilScreen(second, PROMPT, 60_000)
  expect(await command(second, 'cat ~/note')).toBe('stored')
  const lines = await command(second, 'wc -l < ~/late')
  await hang
  await says(first, 'Another tab has taken this playground')
  await first.getByRole('button', { name: 'Take it back' }).waitFor({ timeout: 60_000 })
  // What the first one still tried to store is not in the disk of the second, nor of the next.
  await command(second, 'echo more >> ~/note; sync')
  await first.close()
  await second.reload()
  expect(await command(second, 'cat ~/note; wc -l < ~/late', 60_000)).toBe(`stored\nmore\n${lines}`)
  expect(await command(second, 'dmesg | grep -c "EXT4-fs error"; true')).toBe('0')
  await second.close()
}, 240_000)

test('two playgrounds side by side, each with its own', async () => {
  const [one, two] = await Promise.all([open('one'), open('two')])
  await command(one, 'echo 1 > ~/note; sync', 60_000)
  await command(two, 'echo 2 > ~/note; sync', 60_000)
  await one.reload()
  expect(await command(one, 'cat ~/note', 60_000)).toBe('1')
  expect(await command(two, 'cat ~/note', 60_000)).toBe('2')
  await one.goto(`${chromium.url}?engine=no/such`)
  await says(one, "Drydock can't start here")
  expect(await one.getByRole('alert').textContent()).toContain('letters, digits and dashes')
  await Promise.all([one.close(), two.close()])
}, 240_000)
