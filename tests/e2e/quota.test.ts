import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { launch } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { READER, WRITER, WRITER_IMAGE } from '../support/database-writer.ts'
import { checkStoredDisk, diskReceiver, type DiskReceiver } from '../support/stored-disk.ts'
import { chromiumOptions, startPageServer, type PageServer } from '../support/page.ts'

let server: PageServer
let receiver: DiskReceiver
const profile = mkdtempSync(join(tmpdir(), 'drydock-quota-'))

beforeAll(async () => {
  server = await startPageServer()
  receiver = await diskReceiver()
}, 60_000)

afterAll(async () => {
  await receiver?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(profile, { recursive: true, force: true })
})

/** What a driver of a browser must have. */
interface Page {
  goto(url: string): Promise<unknown>
  evaluate<Result>(
    body: (argument: string) => Result | Promise<Result>,
    argument: string,
  ): Promise<Result>
  readonly keyboard: { type(text: string): Promise<void>; press(key: 'Enter'): Promise<void> }
}

interface App extends Element {
  readonly tabs?: readonly { readonly view: { readonly text: string } }[]
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

const MINUTE = 60_000
/** Bytes: the image, rubbish, the reserve, and a little more. */
const QUOTA = 165e6

/** The page as a person uses it. */
class Visitor {
  readonly page: Page
  #marks = 0

  constructor(page: Page) {
    this.page = page
  }

  screen(): Promise<string> {
    return this.page.evaluate(
      () => document.querySelector<App>('drydock-app')?.tabs?.[0]?.view.text ?? '',
      '',
    )
  }

  notice(): Promise<string> {
    return this.page.evaluate(
      () =>
        document.querySelector('storage-notice')?.shadowRoot?.querySelector('div')?.textContent ??
        '',
      '',
    )
  }

  async until(what: string, holds: () => Promise<boolean>, milliseconds: number): Promise<void> {
    const end = Date.now() + milliseconds
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`${what} did not come:\n${await this.screen()}`)
      await pause(100)
    }
  }

  /** Type a command and wait for its end. @returns what it printed, and its exit code on the last line */
  async command(line: string, milliseconds = 3 * MINUTE): Promise<string> {
    const mark = ++this.#marks
    // The marks are put together by the shell, so that the echo of the line is not taken for them.
    await this.page.keyboard.type(
      `clear; echo 'beg''in-${mark}'; ${line}; echo "$?" 'e''nd-${mark}'`,
    )
    await this.page.keyboard.press('Enter')
    let text = ''
    await this.until(
      line,
      async () => (text = await this.screen()).includes(` end-${mark}\n`),
      milliseconds,
    )
    const begin = `begin-${mark}\n`
    return text.slice(text.indexOf(begin) + begin.length, text.indexOf(` end-${mark}\n`))
  }

  async write(path: string, content: string): Promise<void> {
    const lines = [`cat > ${path} <<'EOF'`, ...content.split('\n'), 'EOF']
    for (const line of lines) {
      await this.page.keyboard.type(line)
      await this.page.keyboard.press('Enter')
    }
  }
}

/** Pieces of the reserve that are there. */
const reserve = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const request = indexedDB.open('drydock-default')
        request.addEventListener('error', () => reject(new Error('no database')))
        request.addEventListener('success', () => {
          const database = request.result
          const count = database
            .transaction(['chunks'])
            .objectStore('chunks')
            .count(IDBKeyRange.bound(['reserve'], ['reserve', []]))
          count.addEventListener('success', () => {
            database.close()
            resolve(count.result)
          })
        })
      }),
    '',
  )

async function fillUp(page: Page): Promise<void> {
  const visitor = new Visitor(page)
  await page.goto(server.url)
  await visitor.until(
    'prompt',
    async () => /drydock:[^\n]*# ?$/.test(await visitor.screen()),
    MINUTE,
  )
  await visitor.write('w.pl', WRITER)
  await visitor.write('r.pl', READER)
  const run = `docker run -v $PWD:/w:ro -v data:/data`
  expect(await visitor.command(`docker pull -q ${WRITER_IMAGE}`)).toMatch(/0$/)
  expect(
    await visitor.command(`${run} --name rubbish ${WRITER_IMAGE} perl /w/w.pl /r 400 | tail -n 1`),
  ).toBe('399\n0')
  await visitor.until('reserve', async () => (await reserve(page)) === 256, MINUTE)
  // More than there is room for, but not when the rubbish has gone.
  const used = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0, '')
  const count = Math.round((QUOTA - used + 6e6) / 65_536)
  expect(count).toBeGreaterThan(200)
  const write = `${run} -d --name db ${WRITER_IMAGE} perl /w/w.pl /data/log ${count}`
  expect(await visitor.command(`${write} | wc -l`)).toBe('1\n0')
  await visitor.until(
    'notice',
    async () => (await visitor.notice()).includes('Paused: the browser'),
    3 * MINUTE,
  )
  // It stands still. What it has said meanwhile is in the log.
  const said = (): Promise<string> => visitor.command('docker logs --tail 1 db')
  let last = await said()
  await visitor.until(
    'standstill',
    async () => {
      const before = last
      last = await said()
      return last === before
    },
    MINUTE,
  )
  expect(Number.parseInt(last, 10)).toBeLessThan(count - 1)
  expect(await visitor.command(`docker run --rm ${WRITER_IMAGE} true`)).toMatch(
    /full[^]*docker system prune[^]*125$/,
  )
  expect(await visitor.command('docker system prune -f')).toMatch(/Deleted Containers[^]*\n0$/)
  await visitor.until('end of the notice', async () => (await visitor.notice()) === '', 2 * MINUTE)
  expect(await visitor.command('docker wait db', 4 * MINUTE)).toBe('0\n0')
  // Its last records may have filled what was left, until what they overwrote is cleared away.
  let read = ''
  await visitor.until(
    'reader',
    async () => {
      read = await visitor.command(`${run} --rm ${WRITER_IMAGE} perl /w/r.pl /data/log`)
      return read.endsWith('\n0')
    },
    MINUTE,
  )
  expect(read).toBe(`${count}\n0`)
  await visitor.command('sync')
  // Away from the engine, but not from its storage.
  await page.goto(`${server.url}icon.svg`)
  await checkStoredDisk(page, 'default', receiver)
}

test('Chromium: a full quota pauses a database, which goes on after a prune; the disk is whole', async () => {
  // A profile on disk: the quota of a private one can't be set.
  await using context = await chromium.launchPersistentContext(profile, {
    ...chromiumOptions,
    viewport: { width: 1200, height: 750 },
  })
  const page = await context.newPage()
  // Before the first use: Chromium remembers for long what room there was.
  const session = await context.newCDPSession(page)
  await session.send('Storage.overrideQuotaForOrigin', {
    origin: new URL(server.url).origin,
    quotaSize: QUOTA,
  })
  await fillUp(page)
}, 900_000)

test('Firefox: so it does', async () => {
  const browser = await launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: {
      // KiB for all; an origin gets a fifth.
      'dom.quotaManager.temporaryStorage.fixedLimit': Math.ceil((5 * QUOTA) / 1024),
    },
  })
  try {
    const page = await browser.newPage()
    await page.setViewport({ width: 1200, height: 750 })
    await fillUp(page)
  } finally {
    await browser.close()
  }
}, 900_000)
