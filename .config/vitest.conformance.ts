import { defineConfig } from 'vitest/config'

/** Parsers against data cases that are kept elsewhere; `tests/conformance/run.mjs` calls this. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: { include: ['tests/conformance/*.conformance.ts'] },
})
