import type { Browser } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import { launchChromium, startPageServer, type PageServer } from './page.ts'

/** A server of the page and a Chromium, from before a file's tests until after them. */
export interface ChromiumLab {
  readonly url: string
  readonly browser: Browser
}

/** @param options of `drydock playground` */
export function useChromium(options: readonly string[] = []): ChromiumLab {
  let server: PageServer | undefined
  let browser: Browser | undefined
  beforeAll(async () => {
    server = await startPageServer(options)
    browser = await launchChromium()
  }, 180_000)
  afterAll(async () => {
    await browser?.close()
    await server?.[Symbol.asyncDispose]()
  })
  const open = <Part>(part: Part | undefined): Part => {
    if (part === undefined) throw new Error('only within tests')
    return part
  }
  return {
    get url() {
      return open(server).url
    },
    get browser() {
      return open(browser)
    },
  }
}
