import { mkdirSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, untilScreen } from '../support/page.ts'

const pictures = new URL('../../dist/screenshots/', import.meta.url).pathname

const chromium = useChromium()
let page: Page

const stack = `services:
  cache:
    image: redis
    healthcheck: {test: redis-cli ping, interval: 1s, start_period: 20s}
  web:
    image: busybox
    command: sh -c "echo from the stack > index.html; httpd -f"
    init: true
    ports: ["8080:80"]
    depends_on: {cache: {condition: service_healthy}}
`

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true })
  const context = await chromium.browser.newContext({ viewport: { width: 1200, height: 750 } })
  page = await context.newPage()
  await page.goto(chromium.url)
  await untilScreen(page, PROMPT, 60_000)
}, 180_000)

test('a stack goes up, answers on its port, and is gone when it is down', async () => {
  const text = Buffer.from(stack).toString('base64')
  await command(page, `mkdir shop; cd shop; base64 -d <<< ${text} > compose.yaml`)
  const up = await command(page, 'docker compose up -d', 120_000)
  expect(up).toMatch(/Container shop-cache-1 +Healthy/)
  expect(up).toMatch(/Container shop-web-1 +Started/)
  expect(await command(page, 'curl -s localhost:8080')).toBe('from the stack')
  expect(await command(page, 'docker compose ps --services')).toBe('cache\nweb')
  expect(await command(page, 'docker exec shop-web-1 ping -c 1 cache')).toContain(
    '1 packets received',
  )
  await page.screenshot({ path: `${pictures}compose.png` })
  await command(page, 'docker compose down -t 1', 60_000)
  expect(await command(page, 'docker ps -aq; docker network ls -q | wc -l')).toBe('3')
}, 240_000)
