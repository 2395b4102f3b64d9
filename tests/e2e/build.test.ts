import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { build, call } from '../support/build-images.ts'
import { startServer } from '../support/headless-server.ts'
import { tarOf } from '../support/image-registry.ts'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, untilScreen } from '../support/page.ts'

const chromium = useChromium()
let page: Page

beforeAll(async () => {
  page = await chromium.browser.newPage({ viewport: { width: 1400, height: 900 } })
  await page.goto(chromium.url)
  await untilScreen(page, PROMPT)
}, 180_000)

const dockerfile = [
  'FROM busybox',
  'WORKDIR /app',
  'COPY hello .',
  'RUN cat hello > copy && mkdir made && ln copy made/linked && rm /etc/group',
  'CMD ["cat", "/app/copy"]',
  '',
].join('\n')

const typed = (text: string): string => text.replaceAll('\n', '\\n').replaceAll('"', '\\"')

test('a Dockerfile is written, built and run in the tab', async () => {
  await command(page, 'mkdir app; cd app; printf "hello\\n" > hello')
  await command(page, `printf "${typed(dockerfile)}" > Dockerfile`)
  await page.keyboard.type('clear; docker build -t mine .\n')
  const text = await untilScreen(
    page,
    /\[\+\] Building [\d.]+s \(\d+\/\d+\) FINISHED +docker:default[^]*root@drydock:[^\n]*#$/,
    60_000,
  )
  expect(text).toMatch(/=> \[4\/4\] RUN cat hello/)
  expect(text).toMatch(/=> => naming to docker.io\/library\/mine/)
  expect(await command(page, 'docker run --rm mine')).toContain('hello')
  expect(await command(page, 'docker build --progress plain . 2>&1 | grep -c CACHED')).toBe('3')
}, 180_000)

test('SOURCE_DATE_EPOCH gives the image that it gives elsewhere', async () => {
  const here = await command(
    page,
    'docker build -q --no-cache --build-arg SOURCE_DATE_EPOCH=1700000000 .',
    60_000,
  )
  await using node = await startServer()
  await call(node.socket, 'POST', '/images/create?fromImage=busybox&tag=latest')
  const there = await build(node.socket, tarOf({ Dockerfile: dockerfile, hello: 'hello\n' }), {
    buildargs: { SOURCE_DATE_EPOCH: '1700000000' },
  })
  expect(there.error).toBeUndefined()
  expect(here).toContain(there.image)
}, 180_000)
