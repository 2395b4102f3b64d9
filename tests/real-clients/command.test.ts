import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const program = new URL('../../dist/node/drydock.js', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'drydock-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = join(folder, 'file')
writeFileSync(file, '')
const nobody = `unix://${folder}/nobody.sock`

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
    execFile(process.execPath, [program, ...args], (error, _, text) => resolve([error?.code, text]))
  })
  expect(stderr).toContain(sentence)
  expect(stderr).not.toMatch(/\n {4}at /)
  expect(code).toBe(expected)
})
