import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cycles } from './cycles.ts'
import { importedFiles } from './layers.ts'

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => `src/${path}`)
  .filter((path) => path.endsWith('.ts'))

test('no files import one another in a circle, not even for a type', () =>
  expect(cycles(new Map(files.map((file) => [file, importedFiles(file)])))).toEqual([]))

// The check is checked: a circle of each kind of import must be found, or the test above proves nothing.
const circleOf = (sources: Record<string, string>): string[][] =>
  cycles(
    new Map(Object.entries(sources).map(([file, source]) => [file, importedFiles(file, source)])),
  )

test.each([
  ['values', `import { b } from './b.ts'`],
  ['types', `import type { B } from './b.ts'`],
  ['what is exported again', `export { b } from './b.ts'`],
  ['what is imported when it is needed', `const b = await import('./b.ts')`],
])('finds a circle of %s', (_, source) =>
  expect(
    circleOf({
      'src/core/top.ts': source,
      'src/core/a.ts': source,
      'src/core/b.ts': `import type { C } from '../codec/c.ts'`,
      'src/codec/c.ts': `import type { A } from '../core/a.ts'`,
    }),
  ).toEqual([['src/codec/c.ts', 'src/core/a.ts', 'src/core/b.ts']]),
)

test('finds a file that imports itself', () =>
  expect(circleOf({ 'src/core/a.ts': `import { a } from './a.ts'` })).toEqual([['src/core/a.ts']]))

test('takes two ways to one file for no circle', () =>
  expect(
    circleOf({
      'src/core/a.ts': `import { b } from './b.ts'\nimport { c } from './c.ts'`,
      'src/core/b.ts': `import { c } from './c.ts'`,
      'src/core/c.ts': `export const c = 1`,
    }),
  ).toEqual([]))
