/**
 * Records what Docker Compose makes of every case, for compose.test.ts; no engine is needed:
 *   npx rolldown tests/compose/record.ts --platform node --file /tmp/record.mjs
 *   node /tmp/record.mjs tests/golden/compose.json PROGRAM…
 * PROGRAM is Compose, or its loader and libraries with it. The projects are written below /compose-cases meanwhile.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { casesRoot, directoryOf } from './compose-case.ts'
import type { ComposeCase, Recorded } from './compose-case.ts'
import { errors } from './errors.ts'
import { forms } from './forms.ts'
import { interpolation } from './interpolation.ts'
import { merging } from './merging.ts'

const [golden = '', program = '', ...first] = process.argv.slice(2)

const run = (
  given: ComposeCase,
  args: readonly string[],
): { stdout: string; stderr: string; status: number | null } =>
  spawnSync(program, [...first, ...(given.args ?? []), ...args], {
    encoding: 'utf8',
    cwd: directoryOf(given),
    env: { HOME: '/root', PATH: '/usr/bin:/bin', ...given.environment },
  })

const recorded: Record<string, Recorded> = {}
for (const given of [...forms, ...interpolation, ...merging, ...errors]) {
  const directory = directoryOf(given)
  mkdirSync(directory, { recursive: true })
  for (const [path, text] of Object.entries(given.files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  const yaml = run(given, ['config'])
  recorded[given.name] = {
    yaml: yaml.stdout,
    json: run(given, ['config', '--format', 'json']).stdout,
    hash: run(given, ['config', '--hash', '*']).stdout,
    stderr: yaml.stderr.replaceAll(/^time="[^"]*" level=warning /gm, ''),
    exitCode: yaml.status ?? 0,
  }
}
rmSync(casesRoot, { recursive: true })
const version = spawnSync(program, [...first, 'version', '--short'], { encoding: 'utf8' })
writeFileSync(golden, `${JSON.stringify({ version: version.stdout.trim(), recorded }, null, 1)}\n`)
