import { defineConfig } from 'vitest/config'

// Tests that need more than Node (the guest, a browser, real clients) live in tests/; units beside their source.
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // `npm test` names those that needed it.
    retry: 1,
    expect: { poll: { timeout: 20_000 } },
  },
})
