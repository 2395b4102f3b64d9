import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  chromiumOptions,
  command,
  PROMPT,
  screenText,
  startPageServer,
  untilScreen,
  type PageServer,
} from '../support/page.ts'
import { checkStoredDisk, diskReceiver } from '../support/stored-disk.ts'

const ROUNDS = 30
const profile = mkdtempSync(join(tmpdir(), 'drydock-kill-'))
let server: PageServer

beforeAll(async () => {
  server = await startPageServer()
}, 60_000)

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
})

interface KillableBrowser extends AsyncDisposable {
  readonly page: Page
  /** The whole browser, at once. */
  kill(): Promise<void>
}

/** A Chromium of which all processes are in one group. */
async function openBrowser(): Promise<KillableBrowser> {
  const child = spawn(
    chromiumOptions.executablePath,
    [
      ...chromiumOptions.args,
      '--headless',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      '--window-size=1200,750',
      'about:blank',
    ],
    { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exit = once(child, 'exit')
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, 'SIGKILL')
    await exit
  }
  try {
    const address = await new Promise<string>((resolve, reject) => {
      let output = ''
      child.stderr.on('data', (chunk) => {
        output += String(chunk)
        const found = /DevTools listening on (\S+)/.exec(output)?.[1]
        if (found) resolve(found)
      })
      void exit.then(() => reject(new Error(`Chromium ended: ${output}`)))
    })
    const browser = await chromium.connectOverCDP(address)
    const [context] = browser.contexts()
    if (!context) throw new Error('Chromium has no context')
    const page = context.pages()[0] ?? (await context.newPage())
    return { page, kill, [Symbol.asyncDispose]: kill }
  } catch (error) {
    await kill()
    throw error
  }
}

/**
 * Says how many whole records it finds, then appends more, for ever: each is synced and then acknowledged by its number, in
 * place of the one before, so that the newest is on the screen however many there were. By busybox, as it starts fastest.
 */
const SURVIVOR = `touch /data/log
found=$(awk '$0 != sprintf("%-4095d", NR - 1) { exit } { n = NR } END { print n + 0 }' /data/log)
truncate -s $((found * 4096)) /data/log
echo "found $found"
i=$found
while printf '%-4095d\\n' $i | dd of=/data/log bs=4096 seek=$i conv=notrunc,fsync 2>/dev/null
do printf '\\r\\033[K%d.' $i; i=$((i + 1)); done
echo failed`

/** What the survivor has said: records that it found, and the last that it has acknowledged since. */
async function progress(
  page: Page,
): Promise<{ readonly found: number; readonly last: number } | undefined> {
  const [, found, last] = /found (\d+)\n(\d+)\./.exec(await screenText(page)) ?? []
  return last === undefined ? undefined : { found: Number(found), last: Number(last) }
}

test(`Chromium killed ${ROUNDS} times under a writer: all that it has acknowledged is there`, async () => {
  {
    await using browser = await openBrowser()
    const { page } = browser
    await page.goto(server.url)
    await untilScreen(page, PROMPT, 120_000)
    const file = `cat > survivor.sh <<'EOF'\n${SURVIVOR}\nEOF\necho "stored $((6*7))"\n`
    await page.keyboard.type(file)
    await untilScreen(page, /\nstored 42\n/, 60_000)
    await command(page, 'docker pull -q busybox', 120_000)
    const create = 'docker create -t --name db --network none -v data:/data busybox'
    await command(page, `${create} sh -c "$(cat survivor.sh)"; sync`, 60_000)
  }
  let expected = 0
  let acknowledged = 0
  for (let round = 0; round < ROUNDS; round++) {
    await using browser = await openBrowser()
    const { page } = browser
    await page.goto(server.url)
    await untilScreen(page, PROMPT, 120_000)
    await page.keyboard.insertText('docker start -a db')
    await page.keyboard.press('Enter')
    await expect.poll(() => progress(page), { timeout: 120_000, interval: 20 }).not.toBeUndefined()
    await page.waitForTimeout(Math.random() * 500)
    const { found = -1, last = -1 } = (await progress(page)) ?? {}
    await browser.kill()
    expect(found, `round ${round}`).toBeGreaterThanOrEqual(expected)
    expected = last + 1
    acknowledged += last + 1 - found
  }
  expect(acknowledged).toBeGreaterThanOrEqual(ROUNDS)
  await using browser = await openBrowser()
  await using receiver = await diskReceiver()
  await browser.page.goto(`${server.url}icon.svg`)
  await checkStoredDisk(browser.page, 'default', receiver)
}, 900_000)
