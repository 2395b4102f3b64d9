import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import type { DockerClient } from '../../src/client/client.ts'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, untilScreen } from '../support/page.ts'

interface App extends Element {
  readonly docker?: DockerClient
}

/** What a test leaves in the page for its next step. */
interface Left {
  followed?: Promise<unknown>
  upload?: { produced: number; shown: Promise<string> }
}

declare const window: Left

const chromium = useChromium()
let page: Page

beforeAll(async () => {
  page = await chromium.browser.newPage({ viewport: { width: 1200, height: 750 } })
  await page.goto(chromium.url)
  await untilScreen(page, PROMPT)
  await command(page, 'docker pull -q busybox', 60_000)
}, 180_000)

test('the page follows events and lists containers while the terminal starts one', async () => {
  await page.evaluate(async () => {
    const docker = document.querySelector<App>('drydock-app')?.docker
    const events = await docker?.system.events({ filters: { type: ['container'] } })
    const reader = events?.getReader()
    const follow = async (): Promise<unknown> => {
      const seen: unknown[] = []
      while (!seen.includes('start')) seen.push((await reader?.read())?.value?.Action)
      await reader?.cancel()
      const listed = await docker?.containers.list()
      return { seen, listed: listed?.map(({ Names, State }) => [Names, State]) }
    }
    window.followed = follow()
  })
  await command(page, 'docker run -d --name web -p 8080:80 busybox sleep 1000', 60_000)
  expect(await page.evaluate(() => window.followed)).toEqual({
    seen: ['create', 'start'],
    listed: [[['/web'], 'running']],
  })
  const status = (): Promise<string> =>
    page.evaluate(() => document.querySelector('status-line')?.shadowRoot?.textContent ?? '')
  await expect.poll(status).toMatch(/Open :8080[^]*1 container, 1 running/)
  await command(page, 'docker kill web', 60_000)
  await expect.poll(status).toMatch(/1 container, 0 running/)
  expect(await status()).not.toContain('Open')
  await command(page, 'docker start web', 60_000)
}, 180_000)

test('an exec takes its connection over', async () => {
  const seen = await page.evaluate(async () => {
    const docker = document.querySelector<App>('drydock-app')?.docker
    const exec = await docker?.execs.create('web', {
      User: '',
      Privileged: false,
      Tty: false,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: '',
      Env: ['WHO=page'],
      WorkingDir: '',
      Cmd: ['sh', '-c', 'read line; echo "$line $WHO"; exit 3'],
    })
    const hijacked = await docker?.execs.start(exec?.Id ?? '', { tty: false })
    const writer = hijacked?.connection.writable.getWriter()
    await writer?.write(new TextEncoder().encode('hello\n'))
    // One stdcopy frame: its head is 8 bytes.
    const text = (await new Response(hijacked?.connection.readable).text()).slice(8)
    return [text, (await docker?.execs.inspect(exec?.Id ?? ''))?.ExitCode]
  })
  expect(seen).toEqual(['hello page\n', 3])
}, 60_000)

const MEGABYTES = 50

test('a body of 50 MB waits for who reads it, and others do not', async () => {
  await page.evaluate(async (megabytes) => {
    const docker = document.querySelector<App>('drydock-app')?.docker
    const exec = await docker?.execs.create('web', {
      User: '',
      Privileged: false,
      Tty: false,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: '',
      Env: [],
      WorkingDir: '',
      Cmd: ['sh', '-c', 'while [ ! -e /tmp/go ]; do sleep 0.1; done; wc -c'],
    })
    const hijacked = await docker?.execs.start(exec?.Id ?? '', { tty: false })
    if (!hijacked) throw new Error('no engine')
    const { readable, writable } = hijacked.connection
    const upload = { produced: 0, shown: new Response(readable).text() }
    window.upload = upload
    const chunk = new Uint8Array(100_000)
    const source = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          if (upload.produced >= megabytes * 1e6) {
            controller.close()
            return
          }
          upload.produced += chunk.length
          controller.enqueue(chunk)
        },
      },
      { highWaterMark: 0 },
    )
    void source.pipeTo(writable)
  }, MEGABYTES)
  const produced = (): Promise<number> => page.evaluate(() => window.upload?.produced ?? 0)
  await expect.poll(produced).toBeGreaterThan(500_000)
  // Another call, and two containers' commands: time enough to take all of it, were it taken.
  expect(await command(page, 'docker exec web echo meanwhile', 60_000)).toBe('meanwhile')
  const names = await page.evaluate(async () => {
    const docker = document.querySelector<App>('drydock-app')?.docker
    return (await docker?.containers.list())?.map(({ Names }) => Names[0])
  })
  expect(names).toEqual(['/web'])
  // What the page, the worker and the guest hold on the way.
  expect(await produced()).toBeLessThan(6_000_000)
  await command(page, 'docker exec web touch /tmp/go', 60_000)
  const shown = await page.evaluate(() => window.upload?.shown)
  expect(Number(shown?.slice(8))).toBe(MEGABYTES * 1e6)
}, 240_000)
