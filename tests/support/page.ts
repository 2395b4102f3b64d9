import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chromium, type Browser, type Page } from 'playwright-core'

const program = new URL('../../dist/node/drydock.js', import.meta.url).pathname

export interface PageServer extends AsyncDisposable {
  readonly url: string
}

/** `drydock playground` as a process of its own, on a free port. */
export async function startPageServer(options: readonly string[] = []): Promise<PageServer> {
  const child = spawn(process.execPath, [program, 'playground', '--port', '0', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  const url = await new Promise<string>((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
      const found = /http:\S+/.exec(output)?.[0]
      if (found) resolve(found)
    })
    void exit.then(() => reject(new Error(`drydock playground ended: ${output}`)))
  })
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await exit
    },
  }
}

/** Debian's Chromium without its sandbox, which root may not use. */
export const chromiumOptions: { readonly executablePath: string; readonly args: string[] } = {
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
}

export const launchChromium = (): Promise<Browser> => chromium.launch(chromiumOptions)

interface App extends Element {
  readonly tabs?: readonly { readonly id: number; readonly view: { readonly text: string } }[]
  readonly current: number
}

/** The current terminal's text. */
export const screenText = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const app = document.querySelector<App>('drydock-app')
    return app?.tabs?.find(({ id }) => id === app.current)?.view.text ?? ''
  })

/** The prompt of the guest's shell at the end of the screen, whose trailing spaces are cut. */
export const PROMPT = /root@drydock:[^\n]*#$/

/** Wait until the screen matches. */
export async function untilScreen(
  page: Page,
  pattern: RegExp,
  milliseconds = 25_000,
): Promise<string> {
  const end = Date.now() + milliseconds
  for (;;) {
    const text = await screenText(page)
    if (pattern.test(text)) return text
    if (Date.now() > end) throw new Error(`no ${String(pattern)} on the screen:\n${text}`)
    await page.waitForTimeout(30)
  }
}

/** Type a line as a person does and wait for the next prompt. @returns what the command printed */
export async function command(page: Page, line: string, milliseconds = 25_000): Promise<string> {
  await untilScreen(page, PROMPT)
  const before = (await screenText(page)).split('\n').length
  await page.keyboard.type(line)
  await page.keyboard.press('Enter')
  const end = Date.now() + milliseconds
  for (;;) {
    const lines = (await screenText(page)).split('\n')
    if (lines.length > before && PROMPT.test(lines.at(-1) ?? '')) {
      return lines.slice(before, -1).join('\n')
    }
    if (Date.now() > end) throw new Error(`no prompt after ${line}:\n${lines.join('\n')}`)
    await page.waitForTimeout(30)
  }
}
