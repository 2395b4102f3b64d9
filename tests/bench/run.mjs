// `npm run bench [-- --peer unix:///path/docker.sock] [SUITE…]`: builds, measures, prints the table, writes bench.json.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

process.chdir(new URL('../..', import.meta.url).pathname)
const { values, positionals } = parseArgs({
  options: { peer: { type: 'string' } },
  allowPositionals: true,
})
const run = (command, args, env = {}) =>
  spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1

const suites = ['vitest', 'run', '--config', '.config/vitest.bench.ts', ...positionals]
const peer = values.peer ? { DRYDOCK_BENCH_PEER: values.peer } : {}
process.exit(run('npm', ['run', '--silent', 'build']) || run('npx', suites, peer))
