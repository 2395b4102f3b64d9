import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, untilScreen } from '../support/page.ts'

const chromium = useChromium()
let page: Page
const folder = mkdtempSync(join(tmpdir(), 'drydock-editor-'))
const problems: string[] = []
const requests: string[] = []

beforeAll(async () => {
  page = await chromium.browser.newPage({ viewport: { width: 1300, height: 800 } })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(chromium.url)
  await untilScreen(page, PROMPT, 60_000)
}, 180_000)

afterAll(async () => {
  rmSync(folder, { recursive: true })
})

const row = (path: string): Locator =>
  page.locator(`[role="treeitem"][data-path=${JSON.stringify(path)}]`)
const button = (name: string): Locator =>
  page.locator('files-view').getByRole('button', { name, exact: true })
const lines = (): Promise<string> =>
  page.evaluate(() =>
    [...document.querySelectorAll('files-view .view-line')]
      .map((line) => (line.textContent ?? '').replaceAll('\u00a0', ' '))
      .join('\n'),
  )
const said = (): Promise<string | null> => page.locator('files-view .question label').textContent()

/** In the shell, whatever has the keys. */
async function shell(line: string): Promise<string> {
  await page.locator('.screen:not([hidden]) textarea').focus()
  return command(page, line, 60_000)
}

/** Choose a file; keys go to its text then. */
async function choose(path: string): Promise<void> {
  await row(path).click()
  await expect.poll(() => page.locator('.path').textContent()).toBe(path.replace('/root', '~'))
  await untilTyping()
}

const untilTyping = (): Promise<void> =>
  expect
    .poll(() => page.evaluate(() => document.activeElement?.closest('.code') !== null), {
      timeout: 20_000,
    })
    .toBe(true)

async function open(path: string, text: string): Promise<void> {
  await row(path).click()
  await expect.poll(lines, { timeout: 30_000 }).toContain(text)
}

test('nothing of the editor is loaded before it is asked for', async () => {
  expect(requests.filter((url) => /monaco|files-view|codicon/.test(url))).toEqual([])
  await shell('mkdir -p app/src; echo "hello" > app/hello.txt; echo x > app/src/deep')
  await page.getByRole('banner').getByRole('button', { name: 'Files' }).click()
  await row('/root/app').click()
  await open('/root/app/hello.txt', 'hello')
  expect(requests.some((url) => /monaco/.test(url))).toBe(true)
}, 120_000)

test('what is typed is saved by Ctrl-S, with the mode it had', async () => {
  await shell('chmod 751 app/hello.txt')
  await choose('/root/app/hello.txt')
  await page.keyboard.press('Control+Home')
  await page.keyboard.type('typed, ')
  await expect.poll(() => button('Save').isEnabled()).toBe(true)
  expect(await shell('cat app/hello.txt')).toBe('hello')
  await choose('/root/app/hello.txt')
  await page.keyboard.press('Control+S')
  await button('Saved').waitFor()
  expect(await shell('cat app/hello.txt; stat -c %a app/hello.txt; ls -A app')).toBe(
    'typed, hello\n751\nhello.txt  src',
  )
}, 120_000)

test('the tree and the text follow the shell', async () => {
  await shell('echo changed by the shell > app/hello.txt; mkdir app/new; touch app/made')
  await row('/root/app/made').waitFor()
  await row('/root/app/new').waitFor()
  await expect.poll(lines, { timeout: 20_000 }).toContain('changed by the shell')
  await shell('rm -r app/new app/made')
  await row('/root/app/made').waitFor({ state: 'detached' })
}, 120_000)

test('a file that changed under what was typed is told of, and the visitor chooses', async () => {
  await choose('/root/app/hello.txt')
  await page.keyboard.type('mine ')
  await shell('echo theirs > app/hello.txt')
  await expect.poll(said, { timeout: 20_000 }).toContain('has changed on the disk meanwhile')
  await page.locator('files-view .code').click()
  await page.keyboard.press('Control+S')
  await expect.poll(said, { timeout: 20_000 }).toContain('has changed on the disk meanwhile')
  expect(await shell('cat app/hello.txt')).toBe('theirs')
  await button('Overwrite it with mine').click()
  await button('Saved').waitFor()
  expect(await shell('cat app/hello.txt; echo')).toContain('mine ')
  await choose('/root/app/hello.txt')
  await page.keyboard.type('again ')
  await shell('echo theirs > app/hello.txt')
  await button('Load the one on the disk').click()
  await expect.poll(lines).toBe('theirs\n')
  await choose('/root/app/hello.txt')
  await page.keyboard.type('kept ')
  await expect.poll(lines).toContain('kept ')
  await shell('rm -r app')
  await expect.poll(said, { timeout: 20_000 }).toContain('not on the disk any more')
  await shell('mkdir app')
  await button('Save it again').click()
  await button('Saved').waitFor()
  expect(await shell('cat app/hello.txt; echo')).toContain('kept ')
}, 180_000)

test('files and folders are made, renamed and deleted', async () => {
  await row('/root/app').click()
  await button('New folder').click()
  await page.locator('.question input').fill('a/b')
  await page.keyboard.press('Enter')
  await expect.poll(said).toContain('can’t have a slash')
  await page.locator('.question input').fill('lib dir')
  await page.keyboard.press('Enter')
  await row('/root/app/lib dir').waitFor()
  await button('New file').click()
  await page.keyboard.type('one.py')
  await page.keyboard.press('Enter')
  await row('/root/app/lib dir/one.py').waitFor()
  await expect.poll(() => page.locator('.path').textContent()).toBe('~/app/lib dir/one.py')
  await untilTyping()
  await page.keyboard.type('print(1)')
  await page.keyboard.press('Control+S')
  await button('Saved').waitFor()
  await button('Rename').click()
  await page.keyboard.press('Control+A')
  await page.keyboard.type('two.py')
  await page.keyboard.press('Enter')
  await row('/root/app/lib dir/two.py').waitFor()
  expect(await shell('cat "app/lib dir/two.py"; echo')).toBe('print(1)')
  await row('/root/app/lib dir').click()
  await button('Delete').click()
  await expect.poll(said).toContain('Delete ~/app/lib dir and all that is in it?')
  await button('Cancel').click()
  await row('/root/app/lib dir').waitFor()
  await button('Delete').click()
  await page.locator('.question').getByRole('button', { name: 'Delete' }).click()
  await row('/root/app/lib dir').waitFor({ state: 'detached' })
  expect(await shell('ls app')).toBe('hello.txt')
}, 120_000)

test('files go up and come down', async () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256))
  const file = join(folder, 'pic ture.bin')
  writeFileSync(file, bytes)
  await row('/root/app').click()
  await page.locator('files-view input[type=file]').setInputFiles(file)
  await expect
    .poll(() => shell('md5sum < "app/pic ture.bin" 2> /dev/null'), { timeout: 30_000 })
    .toMatch(/^[0-9a-f]{32}/)
  await row('/root/app/pic ture.bin').click()
  await expect.poll(said).toContain('is no text (UTF-8)')
  const download = page.waitForEvent('download')
  await button('Download').click()
  expect(readFileSync(await (await download).path()).equals(bytes)).toBe(true)
  await page.locator('files-view input[type=file]').setInputFiles(file)
  await expect.poll(said, { timeout: 20_000 }).toContain('there already in ~/app')
  await button('Replace').click()
  // By dropping, on a folder.
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer()
    transfer.items.add(new File(['dropped'], 'dropped.txt'))
    return transfer
  })
  await row('/root/app').dispatchEvent('drop', { dataTransfer: data })
  await row('/root/app/dropped.txt').waitFor()
  expect(await shell('cat app/dropped.txt; echo')).toBe('dropped')
}, 120_000)

test('a Dockerfile is marked as docker build --check would', async () => {
  await shell("printf 'FROM busybox as one\\nMAINTAINER me\\n' > app/Dockerfile")
  await open('/root/app/Dockerfile', 'MAINTAINER')
  await page.locator('files-view .squiggly-warning').first().waitFor()
  await untilTyping()
  await page.keyboard.press('Control+A')
  await page.keyboard.type('FROM busybox AS one\n')
  await expect.poll(() => page.locator('files-view .squiggly-warning').count()).toBe(0)
  await page.keyboard.type('NOSUCH\n')
  await page.locator('files-view .squiggly-error').first().waitFor()
  await page.keyboard.press('Control+S')
  await button('Saved').waitFor()
}, 120_000)

test('files that are no text, too large, of odd names, or gone', async () => {
  await shell(
    "head -c 3000000 /dev/zero | tr \"\\0\" a > app/large; touch $'app/odd\\nna\"me' $'app/\\377'; ln -s nowhere app/dead",
  )
  await row('/root/app/large').click()
  await expect.poll(said).toContain('3.0 MB, which is too much for this editor')
  await row('/root/app/dead').click()
  await expect.poll(said).toContain('is no file that one can edit')
  for (const [shown, text] of [
    [String.raw`odd\nna"me`, 'in the odd one'],
    [String.raw`\xff`, 'no UTF-8'],
  ] as const) {
    await page.getByRole('treeitem', { name: shown, exact: true }).click()
    await expect.poll(() => page.locator('.path').textContent()).toBe(`~/app/${shown}`)
    await untilTyping()
    await page.keyboard.type(text)
    await page.keyboard.press('Control+S')
    await button('Saved').waitFor()
  }
  expect(await shell("cat $'app/odd\\nna\"me'; echo; cat $'app/\\377'; echo")).toBe(
    'in the odd one\nno UTF-8',
  )
}, 120_000)

test('a watcher in a container sees a save', async () => {
  // inotify_init1 and inotify_add_watch of i386; IN_MOVED_TO and IN_CLOSE_WRITE.
  const program =
    'my $f = syscall(332, 0); my $w = "/w\\0"; syscall(292, $f, $w, 0x88); open(my $h, "<&=", $f); print STDERR "watching\\n"; while (sysread($h, my $b, 4096)) { print STDERR "saw $1\\n" if $b =~ /(watched\\.txt)/ }'
  await shell(`mkdir -p w; echo 1 > w/watched.txt; cat > watch.pl <<'EOF'\n${program}\nEOF`)
  await shell(
    'docker run -d --name watch -v ~/w:/w -v ~/watch.pl:/watch.pl debian:12-slim perl /watch.pl 2> /dev/null',
  )
  await expect
    .poll(() => shell('docker logs watch 2>&1'), { timeout: 60_000 })
    .toContain('watching')
  await row('/root/w').click()
  await open('/root/w/watched.txt', '1')
  await untilTyping()
  await page.keyboard.type('2')
  await page.keyboard.press('Control+S')
  await button('Saved').waitFor()
  await expect
    .poll(() => shell('docker logs watch 2>&1'), { timeout: 30_000 })
    .toContain('saw watched.txt')
  expect(await shell('docker exec watch cat /w/watched.txt; docker rm -f watch > /dev/null')).toBe(
    '21',
  )
}, 240_000)

test('the panel is resized and folded, and remembers', async () => {
  const width = (): Promise<number> =>
    page.evaluate(() => document.querySelector('side-panel')?.getBoundingClientRect().width ?? 0)
  const before = await width()
  const edge = await page.locator('side-panel .edge').boundingBox()
  if (!edge) throw new Error('no edge')
  await page.mouse.move(edge.x + 4, edge.y + 100)
  await page.mouse.down()
  await page.mouse.move(edge.x - 96, edge.y + 100, { steps: 4 })
  await page.mouse.up()
  await expect.poll(width).toBeCloseTo(before + 100, -1)
  await page.locator('side-panel').getByRole('button', { name: 'Fold away' }).click()
  expect(await page.locator('side-panel').isVisible()).toBe(false)
  await page.getByRole('banner').getByRole('button', { name: 'Files' }).click()
  await expect.poll(width).toBeCloseTo(before + 100, -1)
}, 60_000)

test('nothing was reported as an error', () => {
  expect(problems).toEqual([])
})
