import { defineConfig } from 'vitest/config'
import { schemaValidators } from './schema-validators.ts'

/** The benchmark's suites: one after the other, as they share the machine. `tests/bench/run.mjs` calls this. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  plugins: [schemaValidators()],
  test: {
    include: ['tests/bench/*.bench.ts'],
    globalSetup: ['tests/bench/global-setup.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
