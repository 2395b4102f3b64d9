import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'
import { WebSocket } from 'ws'
import { chromiumOptions } from './page.ts'

/** A Chromium as a visitor has it: a test's usual one has features switched off, the partitioning of storage among them. */
export interface PlainChromium extends AsyncDisposable {
  readonly process: ChildProcess
  /** A debugger, for those that want one. */
  attach(): Promise<Browser>
  /** What Ctrl+Shift+R does to the page of this address. A debugger of the page alone asks for it, and is gone before it loads. */
  hardReload(address: string): Promise<void>
}

interface Target {
  readonly type: string
  readonly url: string
  readonly webSocketDebuggerUrl: string
}

/** @param address opened at once; nothing is attached to it */
export async function startPlainChromium(address = 'about:blank'): Promise<PlainChromium> {
  const profile = mkdtempSync(join(tmpdir(), 'drydock-chromium-'))
  const child = spawn(
    chromiumOptions.executablePath,
    [
      ...chromiumOptions.args,
      '--headless=new',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      address,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exit = once(child, 'exit')
  let browser: Browser | undefined
  const debugging = new Promise<string>((resolve, reject) => {
    let output = ''
    child.stderr.on('data', (chunk) => {
      output += String(chunk)
      const found = /DevTools listening on (ws:\S+)/.exec(output)?.[1]
      if (found) resolve(found)
    })
    void exit.then(() => reject(new Error(`chromium ended: ${output}`)))
  })
  await debugging
  return {
    process: child,
    attach: async () => {
      browser = await chromium.connectOverCDP(await debugging)
      return browser
    },
    hardReload: async (address) => {
      const { host } = new URL(await debugging)
      const targets = (await (await fetch(`http://${host}/json`)).json()) as readonly Target[]
      const page = targets.find(({ type, url }) => type === 'page' && url === address)
      if (!page) throw new Error(`no page shows ${address}`)
      const devtools = new WebSocket(page.webSocketDebuggerUrl)
      await once(devtools, 'open')
      devtools.send('{"id":1,"method":"Page.reload","params":{"ignoreCache":true}}')
      await once(devtools, 'message')
      devtools.terminate()
    },
    [Symbol.asyncDispose]: async () => {
      await browser?.close()
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exit
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
