import { defineConfig } from 'vitest/config'
import { schemaValidators } from './schema-validators.ts'

/** What needs no build and no guest: `npm run check`. */
const unit = [
  'src/**/*.test.ts',
  'tests/{api,architecture,bench,cli,golden}/**/*.test.ts',
  'tests/contracts/{memory,scripted-machine}.test.ts',
  'tests/guest/artifacts.test.ts',
]
const clients = ['tests/real-clients/**/*.test.ts']
const browser = ['tests/e2e/**/*.test.ts']

/** A guest keeps a core busy: two on the smallest machine that is meant, one with two cores. */
const GUESTS = 2

// Each test file belongs to one project. The projects run one after the other, in this order.
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  plugins: [schemaValidators()],
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: unit, maxWorkers: '100%', sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'guest',
          include: ['tests/**/*.test.ts'],
          exclude: [...unit, ...clients, ...browser],
          maxWorkers: GUESTS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'clients',
          include: clients,
          maxWorkers: GUESTS,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: browser,
          fileParallelism: false,
          // A browser is a program of others, with clocks of its own. `npm test` names what needed it.
          retry: 1,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
})
