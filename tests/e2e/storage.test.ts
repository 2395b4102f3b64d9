import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { launch } from 'puppeteer-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'e2e-storage-'))
let server: Server
let address: string
beforeAll(async () => {
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      outDir: folder,
      emptyOutDir: false,
      target: 'es2022',
      lib: {
        entry: new URL('storage-page.ts', import.meta.url).pathname,
        formats: ['es'],
        fileName: 'worker',
      },
    },
  })
  server = createServer((request, response) => {
    const script = request.url === '/worker.js'
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html')
    response.end(script ? readFileSync(join(folder, 'worker.js')) : '<!doctype html>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}, 60_000)
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

interface Page {
  goto(url: string): Promise<unknown>
  evaluate<Result>(body: (step: string) => Promise<Result>, step: string): Promise<Result>
}

/** One step in a fresh page and worker. */
async function run(page: Page, step: string): Promise<Record<string, unknown>> {
  await page.goto(address)
  return page.evaluate(
    (step) =>
      new Promise<Record<string, unknown>>((resolve) => {
        const worker = new Worker('/worker.js', { type: 'module' })
        worker.addEventListener('message', ({ data }) => resolve(data as Record<string, unknown>))
        worker.addEventListener('error', ({ message }) => resolve({ failed: message }))
        worker.postMessage(step)
      }),
    step,
  )
}

async function checkStores(page: Page): Promise<void> {
  const written = await run(page, 'write')
  expect(written).toMatchObject({ cached: true })
  const found = await run(page, 'read')
  expect(found).toMatchObject({
    same: true,
    chunks: 77,
    records: ['a', 'b'],
    log: [[0, 255]],
  })
  expect(await run(page, 'gunzip')).toEqual({ size: 200_000 })
}

describe('stores in a browser', () => {
  test('Chromium keeps what was written, and a full quota harms nothing', async () => {
    // A profile on disk: the quota of a private one can't be set.
    const browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox'],
    })
    try {
      const page = await browser.newPage()
      // Before the first use: Chromium remembers for long what room there was.
      const session = await browser.newCDPSession(page)
      await session.send('Storage.overrideQuotaForOrigin', {
        origin: new URL(address).origin,
        quotaSize: 70_000_000,
      })
      await checkStores(page)
      expect(await run(page, 'fill')).toMatchObject({
        code: 'unavailable',
        message: "the browser's storage is full: no space left on device",
        blobs: 1,
        size: 2_000_000,
        left: 0,
        chunks: 77 + 8,
      })
    } finally {
      await browser.close()
    }
  }, 120_000)

  test('Firefox does, too', async () => {
    const browser = await launch({
      browser: 'firefox',
      executablePath: '/usr/bin/firefox-esr',
      extraPrefsFirefox: {
        // KiB for all; an origin gets a fifth.
        'dom.quotaManager.temporaryStorage.fixedLimit': 5 * 90_000,
      },
    })
    try {
      const page = await browser.newPage()
      await checkStores(page)
      expect(await run(page, 'fill')).toMatchObject({
        code: 'unavailable',
        blobs: 1,
        size: 2_000_000,
        left: 0,
        chunks: 77 + 8,
      })
    } finally {
      await browser.close()
    }
  }, 120_000)
})
