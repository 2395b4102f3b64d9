// Runs every test and ends with `N passed, N failed`. Names what is missing on this machine before it starts.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

const root = new URL('..', import.meta.url).pathname
process.chdir(root)

const needed = [
  ['/usr/bin/chromium', 'chromium'],
  ['/usr/bin/firefox-esr', 'firefox-esr'],
  ['/usr/bin/gcc', 'gcc gcc-multilib libc6-dev'],
  ['/usr/bin/make', 'make'],
  ['/usr/bin/skopeo', 'skopeo'],
  ['/usr/bin/docker-registry', 'docker-registry'],
  ['/usr/bin/python3', 'python3'],
]
const missing = needed.filter(([path]) => !existsSync(path)).map(([, name]) => name)
if (missing.length > 0) {
  console.error(`Missing on this machine. On Debian: apt-get install ${missing.join(' ')}`)
  console.log(`0 passed, ${missing.length} failed`)
  process.exit(1)
}

let passed = 0
let failed = 0

/** One step that counts as one test. */
function step(name, command, args) {
  const started = Date.now()
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  console.log(`${status === 0 ? 'ok' : 'FAILED'} ${name} (${seconds} s)`)
  if (status === 0) passed++
  else failed++
}

/** The tests that took longest: where to look when the whole takes too long. */
function printSlowest(files) {
  const tests = files.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, duration }) => [duration ?? 0, name, fullName]),
  )
  console.log('\nThe slowest tests:')
  for (const [duration, name, title] of tests.sort(([a], [b]) => b - a).slice(0, 20)) {
    console.log(`${(duration / 1000).toFixed(1).padStart(7)} s  ${relative(root, name)}: ${title}`)
  }
}

step('build', 'npm', ['run', '--silent', 'build'])
// The first time, npm prepares the package once more: that must not happen under tests that start the program.
step('npx drydock', 'npx', ['--yes', 'drydock', 'docker', '--version'])
step('format', 'npx', ['oxfmt', '--check', '.'])
step('lint', 'npx', ['oxlint'])
step('types', 'npx', ['tsc', '-b'])
step('dead code', 'npx', ['knip', '--config', '.config/knip.json'])
step('guestd under sanitizers', 'make', ['-s', '-C', 'wasm/guestd', 'check'])

const folder = mkdtempSync(join(tmpdir(), 'drydock-tests-'))
const report = join(folder, 'report.json')
const vitest = spawnSync(
  'npx',
  [
    'vitest',
    'run',
    '--config',
    '.config/vitest.config.ts',
    '--reporter=default',
    '--reporter=json',
    `--reporter=${join(root, '.config/second-tries.ts')}`,
    `--outputFile.json=${report}`,
  ],
  { stdio: 'inherit' },
)
if (existsSync(report)) {
  const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  printSlowest(testResults)
  passed += numPassedTests
  failed += numFailedTests
  // A file that can't be loaded runs no test and must not pass for that.
  if (vitest.status !== 0 && numFailedTests === 0) failed += Math.max(1, numFailedTestSuites)
} else {
  failed++
}
rmSync(folder, { recursive: true })

console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
