import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { afterAll, expect, test } from 'vitest'
import { DockerCli } from '../support/docker-cli.ts'
import { startServer } from '../support/headless-server.ts'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, untilScreen } from '../support/page.ts'

const program = new URL('../../dist/node/drydock.js', import.meta.url).pathname
const drydock = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [program, ...args])).stdout

const root = mkdtempSync(join(tmpdir(), 'drydock-transfer-'))
const chromium = useChromium()

afterAll(async () => {
  rmSync(root, { recursive: true })
})

const words = (line: string): string[] => line.split(' ')

const menu = async (page: Page, item: RegExp): Promise<void> => {
  await page.getByRole('button', { name: 'Menu' }).click()
  await page.getByRole('menuitem', { name: item }).click()
}

async function importInto(page: Page, path: string): Promise<void> {
  const chooser = page.waitForEvent('filechooser')
  await menu(page, /^Import a playground/)
  await (await chooser).setFiles(path)
  await page.getByRole('button', { name: 'Replace everything' }).click()
}

/** What the sample has, asked of a docker client. */
async function expectAll(docker: (line: string) => Promise<string>): Promise<void> {
  expect(await docker('ps -a --format {{.Names}}')).toMatch(/^(writer\nkept|kept\nwriter)$/)
  expect(await docker('logs kept')).toBe('it was here')
  expect(await docker('inspect -f {{.State.ExitCode}} kept')).toBe('3')
  expect(await docker('volume ls -q')).toBe('data')
  expect(await docker('network inspect -f {{.Labels.tier}} front')).toBe('one')
  expect(await docker('run --rm -v data:/d busybox cat /d/file')).toBe('volume')
  await docker('commit kept snap')
  expect(await docker('run --rm snap cat /file')).toBe('layer')
}

test('from Node to Chromium and back, while containers run', async () => {
  const path = join(root, 'from-node.drydock')
  {
    await using headless = await startServer()
    using docker = new DockerCli(headless.address)
    const run = (line: string): Promise<string> => docker.output(...words(line))
    await run('pull -q busybox')
    await run('network create --label tier=one front')
    const writer = 'while :; do date >> /d/late; sync; sleep 0.1; done'
    await docker.output(...words('run -d --name writer -v data:/d busybox sh -c'), writer)
    const kept = 'echo it was here; echo layer > /file; echo volume > /d/file; exit 3'
    await docker.run([...words('run --name kept --network front -v data:/d busybox sh -c'), kept])
    expect(await drydock('export', '--data', headless.data, path)).toMatch(/exported [\d.]+ MB/)
    // It goes on as before.
    expect((await run('run --rm -v data:/d busybox cat /d/file')).trim()).toBe('volume')
  }
  const page = await chromium.browser.newPage({ viewport: { width: 1200, height: 750 } })
  await page.goto(chromium.url)
  await command(page, 'docker run --name mine busybox true; echo mine > ~/note', 60_000)
  // A file that is broken changes nothing.
  const whole = readFileSync(path)
  const broken = join(root, 'broken.drydock')
  writeFileSync(broken, whole.subarray(0, -100))
  await importInto(page, broken)
  await page.getByText(/cut short.*This playground is as it was/).waitFor({ timeout: 60_000 })
  // The keys are the shell's again.
  await page.locator('.terminals').click()
  expect(await command(page, 'docker ps -a --format {{.Names}}; cat ~/note')).toBe('mine\nmine')

  await importInto(page, path)
  await page.waitForEvent('load', { timeout: 120_000 })
  await untilScreen(page, PROMPT, 60_000)
  await expectAll((line) => command(page, `docker ${line}`, 60_000))
  expect(await command(page, 'ls -A ~ | grep -c note')).toBe('0')
  await command(page, 'mkdir -p ~/work && echo home > ~/work/file', 60_000)
  await page.reload()
  expect(await command(page, 'docker ps -aq | wc -l', 60_000)).toBe('2')

  const download = page.waitForEvent('download', { timeout: 120_000 })
  await menu(page, /^Export the playground/)
  const back = join(root, 'from-chromium.drydock')
  await (await download).saveAs(back)
  await page.getByText(/The playground is in drydock-.*\.drydock/).waitFor()
  await page.locator('.terminals').click()
  expect(await command(page, 'echo on')).toBe('on')
  await page.close()

  const data = join(root, 'data')
  expect(await drydock('import', '--data', data, back)).toContain('imported')
  await expect(drydock('import', '--data', data, back)).rejects.toThrow('--force')
  await using headless = await startServer(data)
  using docker = new DockerCli(headless.address)
  await expectAll(async (line) => (await docker.output(...words(line))).trim())
}, 400_000)
