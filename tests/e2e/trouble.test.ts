import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { useChromium } from '../support/chromium.ts'
import { chromiumOptions, command, untilScreen } from '../support/page.ts'

const lab = useChromium()

/** What the page says instead of starting. */
async function refusal(page: Page): Promise<string> {
  await page.goto(lab.url)
  const alert = page.getByRole('alert')
  await alert.waitFor()
  expect(await page.getByRole('status').textContent()).toContain('Not running')
  return (await alert.locator('p').textContent()) ?? ''
}

describe('a browser that lacks something is told what', () => {
  test('WebAssembly', { timeout: 60_000 }, async () => {
    const { args, ...options } = chromiumOptions
    await using without = await chromium.launch({
      ...options,
      args: [...args, '--js-flags=--jitless'],
    })
    expect(await refusal(await without.newPage())).toContain('WebAssembly switched off')
  })

  test('a site whose data the browser blocks', { timeout: 60_000 }, async () => {
    const profile = mkdtempSync(join(tmpdir(), 'drydock-profile-'))
    mkdirSync(join(profile, 'Default'))
    const blocked = { profile: { default_content_setting_values: { cookies: 2 } } }
    writeFileSync(join(profile, 'Default/Preferences'), JSON.stringify(blocked))
    {
      await using context = await chromium.launchPersistentContext(profile, chromiumOptions)
      expect(await refusal(await context.newPage())).toContain('keeps no data for this site')
    }
    rmSync(profile, { recursive: true })
  })

  test('IndexedDB alone', { timeout: 60_000 }, async () => {
    const page = await lab.browser.newPage()
    await page.route('**/assets/worker-*.js', async (route) => {
      const response = await route.fetch()
      const refuse = `indexedDB.open = () => { throw new DOMException('no', 'SecurityError') };\n`
      await route.fulfill({ response, body: refuse + (await response.text()) })
    })
    expect(await refusal(page)).toContain('storage')
    await page.close()
  })

  test('a snapshot of another build', { timeout: 60_000 }, async () => {
    const page = await lab.browser.newPage()
    await page.route('**/guest/snapshot.bin*', async (route) => {
      const response = await route.fetch()
      const bytes = await response.body()
      bytes[5000] = (bytes[5000] ?? 0) ^ 1
      await route.fulfill({ response, body: bytes })
    })
    expect(await refusal(page)).toMatch(/another build/)
    await page.close()
  })
})

describe('parts of different builds notice it', () => {
  test('page and worker', { timeout: 60_000 }, async () => {
    const page = await lab.browser.newPage()
    await page.route('**/assets/worker-*.js', async (route) => {
      const response = await route.fetch()
      const text = await response.text()
      // Its name in the bundle: the commit, and when it was made.
      const other = text.replaceAll(/[`"'][0-9a-z]{7,12}-[0-9a-z]{6,10}[`"']/g, '"another-build"')
      expect(other).not.toBe(text)
      await route.fulfill({ response, body: other })
    })
    expect(await refusal(page)).toBe(
      'The page and its engine are of different builds. Reload the page.',
    )
    await page.close()
  })

  test('a page whose rest is gone', { timeout: 60_000 }, async () => {
    const page = await lab.browser.newPage()
    await page.route('**/assets/drydock-app-*.js', (route) => route.fulfill({ status: 404 }))
    await page.goto(lab.url)
    await page.getByRole('alert').getByText('reload the page').waitFor()
    await page.close()
  })
})

test(
  'a panic is told, and another machine starts with what is stored',
  {
    timeout: 120_000,
  },
  async () => {
    const page = await lab.browser.newPage()
    await page.goto(lab.url)
    await command(page, 'docker run -d --name kept busybox sleep 1000')
    await page.keyboard.type('echo c > /proc/sysrq-trigger\n')
    await untilScreen(page, /The machine was lost[^]*#$/, 60_000)
    await page.getByRole('status').getByText('running').waitFor()
    expect(await command(page, 'docker ps -a --format "{{.Names}} {{.Status}}"')).toMatch(
      /^kept Exited \(255\)/,
    )
    expect(await command(page, 'docker start kept && docker exec kept echo again')).toBe(
      'kept\nagain',
    )
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Menu' }).click()
    await page.getByRole('menuitem', { name: 'Save diagnostics' }).click()
    const text = readFileSync(await (await download).path(), 'utf8')
    expect(text).toContain('Kernel panic - not syncing')
    expect(text).toContain('machine: lost')
    expect(JSON.parse(text)).toMatchObject({ machine: { features: expect.anything() } })
    await page.close()
  },
)
