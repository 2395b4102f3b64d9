import { readFileSync } from 'node:fs'
import type { Frame, Page } from 'playwright-core'
import { PROMPT, screenText, untilScreen } from './page.ts'

const site = readFileSync(new URL('../e2e/fixtures/site.pl', import.meta.url))

/** What starts tests/e2e/fixtures/site.pl in a container that publishes a port, typed in the shell. */
export const siteCommands = (name: string, port: number): readonly string[] => [
  'docker pull -q debian:12-slim',
  `echo ${site.toString('base64')} | base64 -d > ${name}.pl`,
  `docker run -d --name ${name} -p ${port}:80 -v /root/${name}.pl:/site.pl debian:12-slim perl /site.pl`,
  `until docker logs ${name} | grep -q ready; do sleep 0.2; done`,
]

export async function startSite(page: Page, name: string, port: number): Promise<void> {
  for (const line of siteCommands(name, port)) {
    const before = (await untilScreen(page, PROMPT, 60_000)).split('\n').length
    // All at once, as if pasted.
    await page.keyboard.insertText(line)
    await page.keyboard.press('Enter')
    await until(async () => {
      const lines = (await screenText(page)).split('\n')
      return lines.length > before && PROMPT.test(lines.at(-1) ?? '')
    }, line)
  }
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 90_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in time: ${what.slice(0, 200)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Open a port as a visitor does. @returns the frame of the container's page, once it is there */
export async function openPreview(page: Page, port: number): Promise<Frame> {
  await page.getByRole('button', { name: `Open :${port}` }).click({ timeout: 30_000 })
  return containerFrame(page, port)
}

/** The frame below the bridge's. */
export async function containerFrame(page: Page, port: number): Promise<Frame> {
  const end = Date.now() + 30_000
  for (;;) {
    const found = page
      .frames()
      .find((frame) => frame.url().includes(`-${port}.`) && !frame.url().endsWith('/__bridge/'))
    if (found) {
      await found.waitForLoadState('load')
      return found
    }
    if (Date.now() > end)
      throw new Error(
        `no page of port ${port}: ${page
          .frames()
          .map((frame) => frame.url())
          .join(' ')}`,
      )
    await page.waitForTimeout(50)
  }
}
