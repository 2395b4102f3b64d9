import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command, launchChromium, PROMPT, startPageServer, untilScreen } from '../support/page.ts'
import { startRealRegistry, type RealRegistry } from '../support/real-registry.ts'

// The way out of a page in Chromium, by the relay beside it, to servers on this machine's loopback.

let browser: Browser
let web: Server
let port: number
let registry: RealRegistry

beforeAll(async () => {
  web = createServer((_, response) => response.end('outside\n'))
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  ;({ port } = web.address() as AddressInfo)
  registry = await startRealRegistry('busybox:latest', 'lab/busybox:1')
  browser = await launchChromium()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await registry?.[Symbol.asyncDispose]()
  web?.close()
  web?.closeAllConnections()
})

async function opened(url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 750 } })
  await page.goto(url)
  await untilScreen(page, PROMPT, 90_000)
  return page
}

const status = (page: Page): Promise<string> =>
  page.evaluate(() => document.querySelector('status-line')?.shadowRoot?.textContent ?? '')

test('the shell and a container reach a server, and a registry is pulled from', async () => {
  const list = `localhost:${port},localhost:${registry.port}`
  await using server = await startPageServer(['--allow', list])
  const page = await opened(server.url)
  const address = `http://host.docker.internal:${port}/`
  expect(await command(page, `curl -sS ${address}`, 60_000)).toBe('outside')
  expect(await command(page, 'curl -sS http://10.0.0.1/', 60_000)).toContain('connect')
  const image = `host.docker.internal:${registry.port}/lab/busybox:1`
  expect(await command(page, `docker pull -q ${image}`, 60_000)).toBe(image)
  const run = `docker run --rm ${image} wget -qO- ${address}`
  expect(await command(page, run, 60_000)).toBe('outside')
  expect(await status(page)).not.toContain('No Internet')
  // Whoever has docker.sock has the engine, but nothing that opens the relay: not its answers, and not the page's settings.
  const settings = (await (await fetch(`${server.url}config.json`)).json()) as {
    relay: { token: string }
  }
  const { token } = settings.relay
  expect(token.length).toBeGreaterThan(20)
  const asks = [
    'info',
    'version',
    'system/df',
    'networks',
    'containers/json?all=1',
    'drydock/diagnostics',
  ]
  const script = asks.map((path) => `curl -s --unix-socket /run/docker.sock http://d/${path}`)
  const found = await command(page, `(${script.join('; ')}) | grep -c ${token}`, 60_000)
  expect(found).toBe('0')
  const own = new URL(server.url).port
  expect(
    await command(page, `curl -sS http://host.docker.internal:${own}/config.json`, 60_000),
  ).toContain('connect')
  await page.close()
}, 240_000)

test('a registry in a container of the page is pushed to, and pulled from', async () => {
  await using server = await startPageServer(['--egress', 'none'])
  const page = await opened(server.url)
  await command(page, 'docker run -d -p 5000:5000 registry', 120_000)
  await command(page, 'until curl -sf localhost:5000/v2/; do sleep 0.5; done', 120_000)
  await command(page, 'docker pull -q busybox && docker tag busybox localhost:5000/b', 60_000)
  const pushed = await command(page, 'docker push localhost:5000/b', 120_000)
  expect(pushed).toContain('The push refers to repository [localhost:5000/b]')
  const digest = /latest: digest: (sha256:[0-9a-f]{64}) size: \d+$/.exec(pushed)?.[1]
  expect(digest).toBeDefined()
  await command(page, 'docker rmi -f $(docker images -q busybox)', 60_000)
  expect(await command(page, 'docker pull localhost:5000/b', 120_000)).toContain(
    `Digest: ${digest}`,
  )
  expect(await command(page, 'docker run --rm localhost:5000/b echo back', 60_000)).toBe('back')
  await page.close()
}, 300_000)

test('a page without a relay says so, and all else works', async () => {
  await using server = await startPageServer(['--egress', 'none'])
  const page = await opened(server.url)
  await expect.poll(() => status(page), { timeout: 30_000 }).toContain('No Internet')
  expect(await command(page, 'curl -sS http://9.9.9.9/; echo $?', 60_000)).toMatch(/\n7$/)
  expect(await command(page, 'docker run --rm busybox echo fine', 90_000)).toContain('fine')
  await page.screenshot({
    path: new URL('../../dist/screenshots/no-internet.png', import.meta.url).pathname,
  })
  await page.close()
}, 240_000)
