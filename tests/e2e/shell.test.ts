import { readFileSync } from 'node:fs'
import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { useChromium } from '../support/chromium.ts'
import { command, PROMPT, screenText, untilScreen } from '../support/page.ts'

// What people do in a shell: keys typed into the page, what is seen there.
const chromium = useChromium()
let context: BrowserContext
let page: Page

/** Text is typed, a key pressed, a pattern waited for. */
type Step = string | { readonly key: string } | RegExp

async function go(steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (typeof step === 'string') await page.keyboard.type(step)
    else if (step instanceof RegExp) await untilScreen(page, step, 60_000)
    else await page.keyboard.press(step.key)
  }
}

/** The guest's own files of the source, whatever the root was built of. */
async function installFiles(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const text = readFileSync(new URL(`../../wasm/root/files${path}`, import.meta.url))
    await command(page, `base64 -d <<< ${text.toString('base64')} > ${path}`)
  }
}

const clear = async (): Promise<void> => {
  await page.keyboard.type('clear\n')
  await untilScreen(page, /^root@drydock:[^\n]*#$/)
}

beforeAll(async () => {
  context = await chromium.browser.newContext({ viewport: { width: 1200, height: 750 } })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  page = await context.newPage()
  await page.goto(chromium.url)
  await untilScreen(page, PROMPT, 60_000)
  await installFiles('/etc/bash.bashrc', '/usr/share/bash-completion/completions/docker')
  await command(page, 'docker pull -q busybox; sync', 60_000)
  await page.reload()
  await untilScreen(page, PROMPT, 60_000)
}, 180_000)

// What hangs after a failure fails nothing else.
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => {
    await page.reload()
    await untilScreen(page, PROMPT, 60_000)
  })
})

/** What is done, the keys, and what is seen in the end; then there is a prompt again. */
const rows: readonly (readonly [string, ...(readonly Step[])])[] = [
  [
    'a container in the background, found by a pipe',
    'docker run -d --name web busybox sleep 1000 | wc -c; docker ps | grep -o "sleep 1000"\n',
    /\n65\nsleep 1000\n/,
  ],
  [
    'a substitution in a substitution',
    'echo state: $(docker inspect -f "{{.State.Status}}" $(docker ps -q --filter name=web))\n',
    /\nstate: running\n/,
  ],
  [
    'while read takes each line',
    'docker ps --format "{{.Names}} {{.Image}}" | while read n i; do docker exec $n echo "$n is $i"; done\n',
    /\nweb is busybox\n/,
  ],
  [
    'for, && and ||',
    'for i in a b; do docker run --rm busybox test $i = b && echo yes $i || echo no $i; done\n',
    /\nno a\nyes b\n/,
  ],
  [
    'exec with a terminal',
    'docker exec -it web sh\n',
    /\n\/ #$/,
    'tty; exit 4\n',
    /\/dev\/pts\/0/,
    PROMPT,
    'echo code $?\n',
    /\ncode 4\n/,
  ],
  [
    'Ctrl-C ends docker run, if the program has a use for it',
    'docker run --rm busybox sh -c "trap \\"exit 7\\" INT; echo up; while :; do sleep 0.1; done"\n',
    /\nup$/,
    { key: 'Control+C' },
    PROMPT,
    'echo code $?\n',
    /\ncode 7\n/,
  ],
  [
    'Ctrl-Z, bg, jobs, fg',
    'docker run --rm --name held busybox sh -c "echo up; until [ -e /go ]; do sleep 0.1; done; echo over"\n',
    /\nup$/,
    { key: 'Control+Z' },
    /Stopped/,
    'bg; jobs\n',
    /\[1\]\+ +Running +docker run/,
    'docker exec held touch /go; fg\n',
    /\nover\n/,
  ],
  [
    'background run and wait',
    'docker run --rm busybox sh -c "echo from \\$((6*7))" &\n',
    /from 42/,
    'wait; echo all done\n',
    /\nall done\n/,
  ],
  ['time', 'time docker run --rm busybox true\n', /\nreal\t?\s*0m\d+\.\d+s\n/],
  [
    'a script',
    'printf \'#!/bin/bash\\nset -e\\nfor n in "$@"; do docker run --rm busybox echo "<$n>"; done\\nexit 3\\n\' > s.sh; chmod +x s.sh; ./s.sh 1 "2 3"; echo code $?\n',
    /\n<1>\n<2 3>\ncode 3\n/,
  ],
  [
    'a Dockerfile by heredoc, built and run',
    'mkdir -p app && cd app && cat > Dockerfile <<EOF\nFROM busybox\nCOPY hello /\nCMD ["cat", "/hello"]\nEOF\n',
    'echo built here > hello; docker build -q -t mine . | cut -c 1-7; docker run --rm mine; cd\n',
    /\nsha256:\nbuilt here\n/,
  ],
  [
    'a Dockerfile from stdin',
    'printf "FROM busybox\\nRUN echo piped > /f\\nCMD cat /f\\n" | docker build -q -t piped -f - app > /dev/null; docker run --rm piped\n',
    /\npiped\n[^\n]*#$/,
  ],
  [
    'docker logs -f | grep',
    'docker run -d --name ticks busybox sh -c "i=0; while :; do i=\\$((i+1)); echo tick \\$i; sleep 0.2; done" > /dev/null; docker logs -f ticks | grep --line-buffered "k 3$"\n',
    /\ntick 3$/,
    { key: 'Control+C' },
    PROMPT,
  ],
  [
    'logs into a file',
    'docker logs ticks > log 2>&1; grep -c "tick 1$" log; docker rm -f ticks > /dev/null\n',
    /\n1\n/,
  ],
  [
    'cp out and in again',
    'echo one > c1; docker create --name box busybox cat /c2 > /dev/null; docker cp c1 box:/c2; docker start -a box; docker cp box:/c2 - | tar xO\n',
    /\none\none\n/,
  ],
  [
    '-v $PWD',
    'mkdir -p work; cd work; docker run --rm -v $PWD:/x -w /x busybox sh -c "echo made > inside"; cat inside; cd\n',
    /\nmade\n/,
  ],
  [
    '--env-file',
    'printf "A=from file\\nB\\n" > env; B=exported docker run --rm --env-file env busybox sh -c \'echo "$A, $B"\'\n',
    /\nfrom file, exported\n/,
  ],
  [
    'save and load',
    'docker save -o mine.tar mine; docker rmi mine > /dev/null; docker load -i mine.tar; docker run --rm mine\n',
    /\nLoaded image: mine:latest\nbuilt here\n/,
  ],
  [
    'export and import',
    'docker export box | docker import - flat > /dev/null; docker run --rm flat cat /c2\n',
    /\none\n/,
  ],
  ['xargs rm', 'docker ps -aq | xargs docker rm -f > /dev/null; docker ps -aq | wc -l\n', /\n0\n/],
  [
    'the API by curl',
    'curl -s --unix-socket /var/run/docker.sock http://localhost/version | jq -r .Os\n',
    /\nlinux\n/,
  ],
  [
    'UTF-8',
    'echo "grüße 🐳 日本" | tee f; docker run --rm -v ~/f:/f busybox cat /f\n',
    /\ngrüße 🐳 日本\ngrüße 🐳 日本\n/,
  ],
  [
    'vi',
    'vi note\n',
    /"note"/,
    'ifrom vi',
    { key: 'Escape' },
    ':wq\n',
    PROMPT,
    'cat note\n',
    /\nfrom vi\n/,
  ],
  [
    'nano',
    'nano note\n',
    /GNU nano/,
    'and nano ',
    { key: 'Control+O' },
    /File Name/,
    '\n',
    /Wrote 1 line/,
    { key: 'Control+X' },
    PROMPT,
    'cat note\n',
    /\nand nano from vi\n/,
  ],
  ['less', 'docker run --help | less\n', /Usage: +docker run/, 'q', PROMPT],
  [
    'Ctrl-R',
    { key: 'Control+R' },
    'nano',
    /\(reverse-i-search\)`nano'/,
    { key: 'Control+C' },
    PROMPT,
  ],
]

describe('a table of keys', () => {
  test.each(rows)('%s', { timeout: 120_000 }, async (_, ...steps) => {
    await clear()
    await go([...steps, PROMPT])
  })
})

test('Tab completes commands, flags, names and values', { timeout: 120_000 }, async () => {
  await command(page, 'docker volume create figures; docker create --name engine-room busybox')
  const cases: readonly (readonly [string, string])[] = [
    ['docker vol', 'docker volume '],
    ['docker run --entry', 'docker run --entrypoint '],
    ['docker start engine-', 'docker start engine-room '],
    ['docker run -v fig', 'docker run -v figures:'],
    ['docker ps --filter status=exi', 'docker ps --filter status=exited '],
    ['docker network inspect bri', 'docker network inspect bridge '],
    ['docker run --network=hos', 'docker run --network=host '],
    ['docker build ap', 'docker build app/'],
  ]
  for (const [typed, whole] of cases) {
    await clear()
    await page.keyboard.type(typed)
    await page.keyboard.press('Tab')
    // A comment shows where the cursor is.
    await untilScreen(page, new RegExp(`# ${whole.trimEnd().replaceAll(/[$.*]/g, '\\$&')}\\s*$`))
    await page.keyboard.type('#')
    await untilScreen(page, new RegExp(`# ${whole.replaceAll(/[$.*]/g, '\\$&')}#$`))
    await page.keyboard.press('Control+C')
    await untilScreen(page, PROMPT)
  }
  await clear()
  await page.keyboard.type('docker container st')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await untilScreen(page, /start +stats +stop/)
  await page.keyboard.press('Control+C')
  await untilScreen(page, PROMPT)
})

test('lines that are pasted are run at Enter, whole', { timeout: 60_000 }, async () => {
  await clear()
  await page.evaluate(() => navigator.clipboard.writeText('echo first\necho second'))
  await page.keyboard.press('Control+Shift+V')
  await untilScreen(page, /# echo first\necho second$/)
  await page.keyboard.press('Enter')
  await untilScreen(page, /\nfirst\nsecond\n/)
})

test('the size of the window is that of the terminal', { timeout: 60_000 }, async () => {
  const size = (): Promise<string> => command(page, 'stty size')
  const before = await size()
  await page.setViewportSize({ width: 900, height: 600 })
  await expect.poll(size, { timeout: 20_000 }).not.toBe(before)
  await page.setViewportSize({ width: 1200, height: 750 })
  await expect.poll(size, { timeout: 20_000 }).toBe(before)
})

test('a container that has the socket drives the engine', { timeout: 180_000 }, async () => {
  const program =
    'use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new("/var/run/docker.sock"); print $s "GET /containers/json HTTP/1.1\\r\\nHost: d\\r\\nConnection: close\\r\\n\\r\\n"; print <$s>'
  await command(page, `cat > ask.pl <<'EOF'\n${program}\nEOF`)
  const seen = await command(
    page,
    'docker run --rm --name inner -v /var/run/docker.sock:/var/run/docker.sock -v ~/ask.pl:/ask.pl debian:12-slim perl /ask.pl 2>/dev/null | grep -o "/inner"',
    120_000,
  )
  expect(seen).toBe('/inner')
})

test('history and files are there after a reload', { timeout: 120_000 }, async () => {
  await clear()
  await command(page, 'echo remember me > ~/kept')
  // With a space before it, it is no history of its own.
  await command(page, ' sync')
  await page.reload()
  await untilScreen(page, PROMPT, 60_000)
  await page.keyboard.press('ArrowUp')
  await untilScreen(page, /# echo remember me > ~\/kept$/)
  await page.keyboard.press('Control+C')
  expect(await command(page, 'cat ~/kept; ls s.sh')).toBe('remember me\ns.sh')
  expect(await screenText(page)).toMatch(PROMPT)
})
