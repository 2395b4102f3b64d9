import type { Frame, Page } from 'playwright-core'
import { afterAll, beforeAll, test } from 'vitest'
import { PROMPT, startPageServer, untilScreen, type PageServer } from '../support/page.ts'
import { startPlainChromium, type PlainChromium } from '../support/plain-chromium.ts'
import { openPreview, startSite } from '../support/preview.ts'
import { record } from './record.ts'

// A published port as a visitor sees it: container → engine's worker → service worker → page.

let server: PageServer
let chromium: PlainChromium
let page: Page
let frame: Frame

beforeAll(async () => {
  server = await startPageServer()
  chromium = await startPlainChromium()
  page = await (await chromium.attach()).newPage()
  await page.goto(server.url)
  await untilScreen(page, PROMPT)
  await startSite(page, 'site', 8080)
  frame = await openPreview(page, 8080)
})

afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

test('fetch and navigation', async () => {
  const fetches = (count: number): Promise<number[]> =>
    frame.evaluate(async (rounds) => {
      const samples: number[] = []
      for (let index = 0; index < rounds; index++) {
        const started = performance.now()
        await (await fetch('/style.css')).text()
        samples.push(performance.now() - started)
      }
      return samples
    }, count)
  await fetches(200)
  record('preview-fetch', await fetches(200))

  const navigations = (count: number): Promise<number[]> =>
    frame.evaluate(async (rounds) => {
      const inner = document.createElement('iframe')
      document.body.append(inner)
      const samples: number[] = []
      for (let index = 0; index < rounds; index++) {
        const started = performance.now()
        await new Promise((resolve) => {
          inner.addEventListener('load', resolve, { once: true })
          inner.src = `/landed?${index}`
        })
        samples.push(performance.now() - started)
      }
      inner.remove()
      return samples
    }, count)
  await navigations(50)
  record('preview-navigation', await navigations(100))
})

test('download of 50 MB', async () => {
  const samples = await frame.evaluate(async () => {
    const rates: number[] = []
    for (let index = 0; index < 4; index++) {
      const started = performance.now()
      await (await fetch('/big?50000000')).blob()
      rates.push(50_000 / (performance.now() - started))
    }
    return rates
  })
  record('preview-download', samples.slice(1))
})
