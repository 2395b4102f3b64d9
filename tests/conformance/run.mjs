// `npm run conformance -- FOLDER`: our parsers against data cases kept elsewhere.
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

const folder = process.argv[2]
if (!folder) {
  console.error('Usage: npm run conformance -- FOLDER')
  process.exit(2)
}
const vectors = resolve(process.env.INIT_CWD ?? process.cwd(), folder)
process.chdir(new URL('../..', import.meta.url).pathname)
const config = '.config/vitest.conformance.ts'
const env = { ...process.env, DRYDOCK_VECTORS: vectors }
process.exit(
  spawnSync('npx', ['vitest', 'run', '--config', config], { stdio: 'inherit', env }).status ?? 1,
)
