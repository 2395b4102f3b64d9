import {
  execFile,
  execFileSync,
  spawn,
  spawnSync,
  type ChildProcessWithoutNullStreams,
} from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, test } from 'vitest'

const program = new URL('../../dist/node/drydock.js', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'drydock-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = join(folder, 'file')
writeFileSync(file, '')
const nobody = `unix://${folder}/nobody.sock`

const root = new URL('../..', import.meta.url).pathname

// npm may have linked the program already, and sets no bit again.
test('the build writes a program that may be run', () => {
  const dist = join(folder, 'dist')
  const args = ['--config', '.config/vite.node.ts', '--logLevel', 'warn', '--outDir', dist]
  execFileSync('npx', ['vite', 'build', ...args], { cwd: root })
  expect(statSync(join(dist, 'drydock.js')).mode & 0o777).toBe(0o755)
})

describe('npx drydock', () => {
  const npx = (...args: readonly string[]): ChildProcessWithoutNullStreams =>
    spawn('npx', ['--yes', 'drydock', ...args], { cwd: root })

  test('docker version', async () => {
    const child = npx('docker', '--host', nobody, 'version')
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    expect(stdout).toMatch(/^Client: Drydock\n/)
    expect(stderr).toContain(`Cannot connect to the Docker daemon at ${nobody}`)
    expect(code).toBe(1)
  })

  test('serve', async () => {
    const socket = join(folder, 'served.sock')
    const child = npx('serve', '--socket', socket, '--data', join(folder, 'data'))
    const ended = once(child, 'exit')
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    try {
      expect((await lines.next()).value).toContain(`listening on unix://${socket}`)
      const version = npx('docker', '--host', `unix://${socket}`, 'version')
      expect(await text(version.stdout)).toContain('\nServer: Drydock\n')
    } finally {
      child.kill('SIGTERM')
      await ended
    }
  })
})

// A page's policy allows no code made of text.
test('docker compose checks a file where text may not become code', async () => {
  writeFileSync(join(folder, 'compose.yaml'), 'services: {web: {image: busybox, prts: []}}')
  const args = ['--disallow-code-generation-from-strings', program, 'docker', 'compose', 'ps']
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  expect(stderr).toContain("services.web additional properties 'prts' not allowed")
  expect(status).toBe(1)
})

test.each([
  [['nosuch'], 125, "'nosuch' is not a drydock command"],
  [['serve', '--nosuch'], 125, "Unknown option '--nosuch'"],
  [['serve', '--tcp', '0.0.0.0:2375'], 125, '--tcp takes a loopback address'],
  [['playground', '--port', '99999'], 125, "'99999' is not a port"],
  [['serve', '--data', join(file, 'x')], 1, 'drydock: ENOTDIR'],
  [
    ['diagnostics', '--host', nobody],
    1,
    `drydock: Cannot connect to the Docker daemon at ${nobody}`,
  ],
])('drydock %j is refused in one sentence', async (args, expected, sentence) => {
  const [code, stderr] = await new Promise<[unknown, string]>((resolve) => {
    execFile(process.execPath, [program, ...args], (error, _, output) =>
      resolve([error?.code, output]),
    )
  })
  expect(stderr).toContain(sentence)
  expect(stderr).not.toMatch(/\n {4}at /)
  expect(code).toBe(expected)
})
