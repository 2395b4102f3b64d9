import { defineConfig } from 'vitest/config'
import { schemaValidators } from './schema-validators.ts'

/** Parsers against data cases that are kept elsewhere; `tests/conformance/run.mjs` calls this. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  plugins: [schemaValidators()],
  test: { include: ['tests/conformance/*.conformance.ts'] },
})
