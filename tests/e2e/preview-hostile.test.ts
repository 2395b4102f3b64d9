import type { Frame, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { command, PROMPT, startPageServer, untilScreen, type PageServer } from '../support/page.ts'
import { startPlainChromium, type PlainChromium } from '../support/plain-chromium.ts'
import { containerFrame, openPreview, startSite } from '../support/preview.ts'

// A container's page that is out for more than its own.

let server: PageServer
let browser: PlainChromium
let page: Page
let frame: Frame

beforeAll(async () => {
  server = await startPageServer()
  browser = await startPlainChromium()
  page = await (await browser.attach()).newPage()
  await page.goto(server.url)
  await untilScreen(page, PROMPT)
  await startSite(page, 'evil', 8080)
  await command(
    page,
    'docker run -d --name other -p 8081:80 busybox sh -c "echo private > /index.html; exec httpd -f -h /"',
    60_000,
  )
  await command(page, 'docker run -d --name dead -p 8082:80 busybox sleep 10000', 60_000)
  frame = await openPreview(page, 8080)
}, 300_000)

function bridgeOf(port: number): Frame {
  const bridge = page
    .frames()
    .find((found) => found.url().includes(`-${port}.`) && found.url().endsWith('/__bridge/'))
  if (!bridge) throw new Error('no bridge')
  return bridge
}

beforeEach(async () => {
  frame = await containerFrame(page, 8080)
})

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

test.each([
  ['the page’s document', 'top.document.title'],
  ['its storage', 'top.localStorage.length'],
  ['its address', 'top.location.href'],
  ['its databases', 'top.indexedDB'],
  ['its workers', 'top.navigator.serviceWorker'],
  ['the domain that other ports share', 'document.domain = "preview.localhost"'],
])('%s is out of reach', async (_, script) => {
  const error: unknown = await frame.evaluate(
    `(() => { try { return 'reached ' + String(${script}) } catch (error) { return error.name } })()`,
  )
  expect(error).toBe('SecurityError')
})

test.each([
  ['at once', 'top.location = "https://example.com/"'],
  ['by replacing it', 'top.location.replace("https://example.com/")'],
  [
    'by a link',
    'Object.assign(document.createElement("a"), { href: "https://example.com/", target: "_top" }).click()',
  ],
  [
    'by a form',
    'document.body.appendChild(Object.assign(document.createElement("form"), { action: "https://example.com/", target: "_top" })).submit()',
  ],
  [
    'by the bridge',
    'parent.setTimeout("top.location = 1"), parent.open("https://example.com/", "_top")',
  ],
])('the page around it can’t be led away %s, with a click neither', async (_, script) => {
  await frame.evaluate((code) => {
    const button = document.createElement('button')
    button.textContent = 'lead away'
    button.setAttribute('onclick', `this.remove(); ${code}`)
    document.body.prepend(button)
  }, script)
  await frame.click('text=lead away')
  expect(new URL(page.url()).href).toBe(server.url)
  expect(await page.title()).toBe('Drydock')
})

test('the playground’s files can’t be read, nor another port’s page', async () => {
  const outcome = await frame.evaluate(async (playground) => {
    const other = location.origin.replace('-8080.', '-8081.')
    const results: string[] = []
    for (const address of [
      `${playground}config.json`,
      playground,
      `${other}/`,
      `${other}/__bridge/`,
    ]) {
      results.push(
        await fetch(address).then(
          () => 'read',
          () => 'refused',
        ),
      )
    }
    return results
  }, server.url)
  expect(outcome).toEqual(['refused', 'refused', 'refused', 'refused'])
})

test('another port’s frame is another origin, and its page is not to be had through this one’s channel', async () => {
  await page.getByRole('button', { name: 'Open :8081' }).click()
  const other = await containerFrame(page, 8081)
  expect(await other.textContent('body')).toContain('private')
  // Frames in a shadow tree are no window's children.
  expect(await frame.evaluate(() => top?.length)).toBe(0)
})

test('the page around it can’t be led away by its frame either', async () => {
  await expect(frame.evaluate(() => parent.location.assign('/hostile'))).rejects.toThrow(
    'permission',
  )
})

// A container's page can put scripts into the bridge, which is of its origin.
test('who has the bridge gets channels to its own port, and nothing else', async () => {
  const bridge = bridgeOf(8080)
  const words = [
    'undefined',
    'null',
    '"ready"',
    '{ bridge: "exec", command: "docker rm -f other" }',
    '{ bridge: "location", path: "javascript:alert(1)" }',
    '{ bridge: "location", path: 7 }',
    '{ bridge: "failed", message: {} }',
    '{ id: "x", type: "APPLY", path: ["close"], argumentList: [] }',
    '{ id: "x", type: "GET", path: ["diagnostics"] }',
  ]
  for (const word of words) await bridge.evaluate(`parent.postMessage(${word}, '*')`)
  const outcome = await bridge.evaluate(
    () =>
      new Promise<{ channels: number; answers: unknown[] }>((resolve) => {
        // The bridge would hand the port on.
        ServiceWorker.prototype.postMessage = () => undefined
        let channels = 0
        const answers: unknown[] = []
        addEventListener('message', ({ ports: [port] }) => {
          if (!port) return
          channels++
          port.addEventListener('message', ({ data }: MessageEvent<{ kind: string }>) => {
            answers.push(data)
            if (data.kind === 'err') resolve({ channels, answers })
          })
          port.start()
          const get = {
            kind: 'req',
            id: 1,
            method: 'GET',
            path: 'http://localhost:8081/',
            headers: [],
            credentials: true,
            hasBody: false,
          }
          port.postMessage(get)
        })
        for (let n = 0; n < 20_000; n++) parent.postMessage({ bridge: 'ready' }, '*')
      }),
  )
  expect(outcome.channels).toBeLessThanOrEqual(20)
  expect(outcome.answers).toEqual([expect.objectContaining({ kind: 'err', failure: 'broken' })])
  expect(await page.getByRole('status').first().textContent()).toContain('running')
  await page.locator('.screen:not([hidden])').click()
  expect(await command(page, 'echo $((6*7))', 60_000)).toBe('42')
  await page.getByRole('button', { name: 'Close :8080' }).click()
  // What the page asked for in vain is forgotten with its view.
  frame = await openPreview(page, 8080)
  expect(await frame.evaluate(async () => (await fetch('/chunks')).text())).toBe('onetwothree')
}, 120_000)

test('a flood of words leaves the shell usable', async () => {
  await frame.evaluate(() => {
    for (let n = 0; n < 20_000; n++) {
      parent.parent.postMessage({ bridge: 'ready' }, '*')
      parent.postMessage({ page: 'reload' }, '*')
      navigator.serviceWorker.controller?.postMessage({ client: 'ping' })
    }
  })
  await page.locator('.screen:not([hidden])').click()
  expect(await command(page, 'echo $((6*7))', 60_000)).toBe('42')
  expect(await frame.evaluate(async () => (await fetch('/chunks')).text())).toBe('onetwothree')
}, 120_000)

test('four hundred requests at once are served or refused, and the next is served', async () => {
  const outcome = await frame.evaluate(async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 400 }, async () => (await fetch('/chunks')).text()),
    )
    return results.filter(({ status }) => status === 'fulfilled').length
  })
  expect(outcome).toBeGreaterThan(200)
  expect(await frame.evaluate(async () => (await fetch('/chunks')).text())).toBe('onetwothree')
}, 120_000)

test('1 GB to a dead port is refused before it is read, smaller bodies are let go', async () => {
  await page.locator('.screen:not([hidden])').click()
  await command(
    page,
    'docker run -d --name dying -p 8083:80 busybox sh -c "echo alive > /index.html; httpd -h /; sleep 10000"',
    60_000,
  )
  const dying = await openPreview(page, 8083)
  await expect.poll(() => dying.textContent('body').catch(() => '')).toMatch(/^alive/)
  await page.locator('.screen:not([hidden])').click()
  await command(page, 'docker exec dying killall httpd', 60_000)
  const found = await dying.evaluate(async () => {
    const part = new Uint8Array(4_194_304)
    let taken = 0
    const endless = new ReadableStream({
      pull: (controller) => {
        if (taken >= 1_073_741_824) controller.close()
        else controller.enqueue(part)
        taken += part.length
      },
    })
    const post = (body: BodyInit, more: object = {}): Promise<Response> =>
      fetch('/upload', { method: 'POST', body, ...more })
    const large = await post(endless, { duplex: 'half' })
    const blob = new Blob(Array.from({ length: 8 }, () => part))
    const small: string[] = []
    for (let round = 0; round < 4; round++) {
      const sent = Array.from({ length: 4 }, () => post(blob))
      for (const { status, reason } of (await Promise.allSettled(sent)) as {
        status: string
        reason?: Error
      }[])
        small.push(`${status} ${reason?.name}`)
    }
    return { status: large.status, text: await large.text(), megabytes: taken / 1_048_576, small }
  })
  expect(found).toMatchObject({
    status: 413,
    text: 'The preview carries uploads of at most 256 MB.',
  })
  expect(found.megabytes).toBeLessThan(300)
  // As a browser tells of a server that is not there.
  expect(found.small).toEqual(Array.from({ length: 16 }, () => 'rejected TypeError'))
  await page.locator('.screen:not([hidden])').click()
  // No connection is left of it once the guest has taken the last reset, and the port works again.
  await expect
    .poll(() => command(page, 'ss -Htn state all dport = :80 or sport = :80 | wc -l'))
    .toBe('0')
  await command(page, 'docker exec dying httpd -h /', 60_000)
  expect(await dying.evaluate(async () => (await fetch('/')).text())).toBe('alive\n')
  await command(page, 'docker rm -f dying', 60_000)
}, 240_000)

test('all is as it was', async () => {
  await page.locator('.screen:not([hidden])').click()
  expect(await command(page, 'docker ps -q | wc -l')).toMatch(/^\s*3$/)
})
