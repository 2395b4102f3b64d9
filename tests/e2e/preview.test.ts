import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { BrowserContext, Download, Frame, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { command, PROMPT, startPageServer, untilScreen, type PageServer } from '../support/page.ts'
import { startPlainChromium, type PlainChromium } from '../support/plain-chromium.ts'
import { containerFrame, openPreview, startSite } from '../support/preview.ts'

const pictures = new URL('../../dist/screenshots/', import.meta.url).pathname

let server: PageServer
let browser: PlainChromium
let context: BrowserContext
let page: Page
let frame: Frame

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true })
  server = await startPageServer()
  browser = await startPlainChromium()
  context = await (await browser.attach()).newContext({ viewport: { width: 1400, height: 800 } })
  page = await context.newPage()
  await page.goto(server.url)
  await untilScreen(page, PROMPT)
  await startSite(page, 'site', 8080)
  frame = await openPreview(page, 8080)
}, 300_000)

beforeEach(async () => {
  frame = await containerFrame(page, 8080)
})

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

/** Text of an answer, as the container's page gets it. */
const get = (
  path: string,
  options?: { method?: string; body?: string; headers?: Record<string, string> },
): Promise<string> =>
  frame.evaluate(async ([target, init]) => (await fetch(target, init)).text(), [
    path,
    options,
  ] as const)

const goto = async (path: string): Promise<void> => {
  await frame.evaluate((target) => location.assign(target), path)
  await frame.waitForURL((url) => url.pathname + url.search === path)
  await frame.waitForLoadState()
}

test('a page with its style, script and picture', async () => {
  expect(await frame.textContent('h1')).toBe('A page of a container')
  const found = await frame.evaluate(() => ({
    color: getComputedStyle(document.querySelector('h1') as Element).color,
    scripted: (window as unknown as { scripted: number }).scripted,
    picture: (document.querySelector('img') as HTMLImageElement).naturalWidth,
    mode: document.compatMode,
    scripts: document.scripts.length,
    host: location.host,
  }))
  expect(found).toMatchObject({
    color: 'rgb(1, 2, 3)',
    scripted: 42,
    picture: 20,
    mode: 'CSS1Compat',
    scripts: 1,
  })
  expect(found.host).toMatch(/^s0-8080\.preview\.localhost:\d+$/)
  await page.screenshot({ path: `${pictures}preview.png` })
})

test('the server sees a browser at localhost:8080', async () => {
  const head = await get('/headers', { method: 'POST', body: '' })
  expect(head).toContain('Host: localhost:8080\r\n')
  expect(head).toContain('Origin: http://localhost:8080')
  expect(head).toContain('Referer: http://localhost:8080/')
  expect(head).toMatch(/User-Agent: Mozilla/)
  expect(head).not.toContain('preview')
})

test('absolute addresses of localhost:8080 are the container’s', async () => {
  expect(await get('http://localhost:8080/chunks')).toBe('onetwothree')
})

test('a form is posted', async () => {
  await frame.click('form button')
  await expect.poll(() => frame.textContent('p').catch(() => '')).toBe('POST word=from+a+form')
  await goto('/')
})

test('the address field follows the page, and leads it', async () => {
  const field = page.getByRole('textbox', { name: 'Path on localhost:8080' })
  await field.fill('landed?by=hand')
  await field.press('Enter')
  await expect.poll(() => frame.textContent('p').catch(() => '')).toBe('landed by=hand')
  await frame.evaluate(() => history.pushState(undefined, '', '/pushed#x'))
  await expect.poll(() => field.inputValue()).toBe('/pushed#x')
  // What is being typed stays, until it is left.
  await field.fill('half')
  await frame.evaluate(() => history.pushState(undefined, '', '/further'))
  await page.waitForTimeout(1200)
  expect(await field.inputValue()).toBe('half')
  await page.getByRole('button', { name: 'Reload' }).focus()
  await expect.poll(() => field.inputValue()).toBe('/further')
  await goto('/')
})

test('redirects to localhost:8080 stay in the preview, of a page and of a request', async () => {
  expect(await get('/redirect')).toContain('landed by=redirect')
  await frame.click('#away')
  await expect.poll(() => frame.textContent('p').catch(() => '')).toBe('landed by=redirect')
  await goto('/')
})

test('an upload arrives whole', async () => {
  const text = await frame.evaluate(async () => {
    const bytes = new Uint8Array(3_000_000).fill(7)
    return (await fetch('/upload', { method: 'POST', body: bytes })).text()
  })
  expect(text).toBe('3000000 21000000')
}, 60_000)

test('an upload that is too large is refused, without another’s harm', async () => {
  const status = await frame.evaluate(async () => {
    const part = new Uint8Array(4_194_304)
    const blob = new Blob(Array.from({ length: 70 }, () => part))
    return (await fetch('/upload', { method: 'POST', body: blob })).status
  })
  expect(status).toBe(413)
  expect(await get('/chunks')).toBe('onetwothree')
}, 120_000)

test('a part of a file (Range)', async () => {
  expect(await get('/range', { headers: { range: 'bytes=8-14' } })).toBe('0000001')
})

test('events come as they are sent, eight streams beside a request', async () => {
  const events = await frame.evaluate(
    () =>
      new Promise<{ count: number; spread: number }>((resolve) => {
        const times: number[] = []
        const source = new EventSource('/events?5&0.3')
        source.addEventListener('message', () => {
          times.push(performance.now())
          if (times.length < 5) return
          source.close()
          resolve({ count: times.length, spread: (times.at(-1) ?? 0) - (times[0] ?? 0) })
        })
      }),
  )
  expect(events.count).toBe(5)
  expect(events.spread).toBeGreaterThan(600)
  const beside = await frame.evaluate(async () => {
    const sources = Array.from({ length: 8 }, () => new EventSource('/events?100&0.5'))
    await Promise.all(
      sources.map(
        (source) =>
          new Promise((resolve) => source.addEventListener('message', resolve, { once: true })),
      ),
    )
    const text = await (await fetch('/chunks')).text()
    for (const source of sources) source.close()
    return text
  })
  expect(beside).toBe('onetwothree')
}, 60_000)

test('a closed stream is closed in the container', async () => {
  const count = (): Promise<string> =>
    command(page, 'docker exec site sh -c "ls /proc | grep -c ^[0-9]"')
  await page.locator('.screen:not([hidden])').click()
  await expect.poll(count, { timeout: 30_000, interval: 500 }).toMatch(/^[1-9]$/)
}, 60_000)

describe('cookies', () => {
  test('are kept by path, those that are HttpOnly from scripts', async () => {
    await goto('/cookie/set')
    await expect.poll(() => frame.evaluate(() => document.cookie)).toBe('seen=1; late=4')
    expect(await get('/cookie/show')).toBe('seen=1; secret=2; late=4')
    expect(await get('/cookie/show/deep')).toBe('deep=3; seen=1; secret=2; late=4')
  })

  test('of scripts reach the server', async () => {
    const sent = await frame.evaluate(async () => {
      document.cookie = 'mine=5; path=/'
      document.cookie = 'secret=stolen; path=/'
      const text = await (await fetch('/cookie/show')).text()
      document.cookie = 'mine=; path=/; max-age=0'
      return [text, document.cookie, await (await fetch('/cookie/show')).text()]
    })
    expect(sent).toEqual([
      'seen=1; secret=2; late=4; mine=5',
      expect.stringContaining('seen=1; late=4'),
      'seen=1; secret=2; late=4',
    ])
    await expect.poll(() => frame.evaluate(() => document.cookie)).toBe('seen=1; late=4')
  })

  test('are in no store of the browser', async () => {
    expect((await context.cookies()).map(({ name }) => name)).toEqual([])
    await goto('/')
  })
})

test('a WebSocket: text, bytes, order, a subprotocol, a ping, the server’s close', async () => {
  const said = await frame.evaluate(
    () =>
      new Promise<unknown[]>((resolve) => {
        const log: unknown[] = []
        const socket = new WebSocket('ws://localhost:8080/socket', ['chat', 'other'])
        socket.binaryType = 'arraybuffer'
        let count = 0
        log.push(socket instanceof WebSocket, socket.readyState)
        // eslint-disable-next-line unicorn/prefer-add-event-listener -- the property is tested, too
        socket.onopen = () => {
          log.push(socket.protocol, socket.readyState)
          socket.send('grüße')
          socket.send(new Uint8Array([1, 2, 3]))
          socket.send('x'.repeat(70_000))
          socket.send('ping')
          socket.send('many 200')
          socket.send('bye')
        }
        socket.addEventListener('message', ({ data }) => {
          if (typeof data !== 'string') log.push([...new Uint8Array(data as ArrayBuffer)])
          else if (data.startsWith('message ')) count += data === `message ${count + 1}` ? 1 : 1000
          else log.push(data.length > 100 ? data.length : data)
        })
        socket.addEventListener('close', ({ code, reason, wasClean }) =>
          resolve([...log, count, code, reason, wasClean]),
        )
      }),
  )
  expect(said).toEqual([
    true,
    0,
    'chat',
    1,
    'grüße',
    [1, 2, 3],
    70_000,
    'ping',
    200,
    4001,
    'so long',
    true,
  ])
}, 60_000)

test('a WebSocket that nothing answers fails, as in a browser', async () => {
  const said = await frame.evaluate(
    () =>
      new Promise((resolve) => {
        const log: string[] = []
        const socket = new WebSocket(`ws://${location.host}/chunks`)
        socket.addEventListener('error', () => log.push('error'))
        socket.addEventListener('close', ({ code }) => resolve([...log, code]))
      }),
  )
  expect(said).toEqual(['error', 1006])
})

test('a page that forbids frames and other scripts is shown, under its own policy', async () => {
  await goto('/strict')
  expect(await frame.textContent('#said')).toMatch(/^yes function seen=1; late=4$/)
  await goto('/')
})

describe('downloads', () => {
  const sizeOf = async (download: Download): Promise<[string, number]> => {
    const path = await download.path()
    const bytes = await readFile(path)
    for (let at = 0; at < bytes.length; at += 9973) expect(bytes[at]).toBe(at & 255)
    return [download.suggestedFilename(), bytes.length]
  }

  test('of 50 MB, as an attachment', async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download', { timeout: 90_000 }),
      frame.evaluate(() => location.assign('/big?50000000&file.bin')),
    ])
    expect(await sizeOf(download)).toEqual(['file.bin', 50_000_000])
  }, 180_000)

  test('of a link with `download`', async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download', { timeout: 60_000 }),
      frame.click('#save'),
    ])
    expect(await sizeOf(download)).toEqual(['million.bin', 1_000_000])
  }, 120_000)
})

test('a synchronous request says why it fails', async () => {
  const message = await frame.evaluate(() => {
    try {
      new XMLHttpRequest().open('GET', '/chunks', false)
      return 'sent'
    } catch (error) {
      return String(error)
    }
  })
  expect(message).toContain('no synchronous requests')
})

describe('what goes wrong is told', () => {
  test('an answer that breaks off is an error, not an end', async () => {
    await expect(get('/cut')).rejects.toThrow()
  })

  test('an answer that is not HTTP', async () => {
    await goto('/garbage')
    expect(await frame.textContent('body')).toContain('is not HTTP')
    await goto('/')
  })

  test('a port where nothing listens, until something does', async () => {
    await page.locator('.screen:not([hidden])').click()
    await command(
      page,
      'docker run -d --name late -p 8081:80 busybox sh -c "until [ -e /go ]; do sleep 0.2; done; echo late > /index.html; exec httpd -f -h /"',
      60_000,
    )
    const late = await openPreview(page, 8081)
    await expect
      .poll(() => late.textContent('body').catch(() => ''), { timeout: 20_000 })
      .toContain('Nothing listens on this port in the container “late”')
    await page.screenshot({ path: `${pictures}preview-dead-port.png` })
    await page.locator('.screen:not([hidden])').click()
    await command(page, 'docker exec late touch /go')
    await expect
      .poll(() => late.textContent('body').catch(() => ''), { timeout: 20_000 })
      .toMatch(/^late\s*$/)
  }, 120_000)

  test('a container that is stopped, and started again', async () => {
    const late = await containerFrame(page, 8081)
    await command(page, 'docker rm -f late')
    await page.getByText('No running container publishes port 8081 now.').waitFor()
    await page.getByRole('button', { name: 'Reload' }).last().click()
    await expect
      .poll(() => late.textContent('body').catch(() => ''), { timeout: 20_000 })
      .toContain('No running container publishes port 8081')
    await page.locator('.screen:not([hidden])').click()
    await command(
      page,
      'docker run -d --name late -p 8081:80 busybox sh -c "echo again > /index.html; exec httpd -f -h /"',
      60_000,
    )
    await expect
      .poll(() => late.textContent('body').catch(() => ''), { timeout: 20_000 })
      .toMatch(/^again\s*$/)
    await page.getByRole('button', { name: 'Close :8081' }).click()
    await page.getByRole('button', { name: 'Open :8080' }).click()
  }, 120_000)
})

test('a service worker that was stopped or unregistered is there again', async () => {
  const devtools = await context.newCDPSession(page)
  await devtools.send('ServiceWorker.enable')
  await devtools.send('ServiceWorker.stopAllWorkers')
  expect(await get('/chunks')).toBe('onetwothree')
  await frame.evaluate(async () => {
    for (const registration of await navigator.serviceWorker.getRegistrations())
      await registration.unregister()
  })
  await frame.evaluate(() => location.reload()).catch(() => undefined)
  await expect
    .poll(() => frame.textContent('h1').catch(() => ''), { timeout: 20_000 })
    .toBe('A page of a container')
  expect(await get('/chunks')).toBe('onetwothree')
}, 60_000)

test('a tab of its own says where the page is to be seen', async () => {
  const alone = await context.newPage()
  await alone.goto(frame.url())
  await alone.getByText('open the port from its page').waitFor()
  await alone.close()
})

test('a site without an origin for previews says so', async () => {
  const other = await context.newPage()
  await other.route('**/config.json', (route) => route.fulfill({ status: 404 }))
  await other.addInitScript(() => sessionStorage.setItem('drydock-previews', '8080'))
  await other.goto(`${server.url}?engine=off`)
  await other.getByText('Previews are off on this site').waitFor({ timeout: 60_000 })
  expect(other.frames()).toHaveLength(1)
  await other.close()
}, 90_000)
