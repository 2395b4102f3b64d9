import { expect, test } from 'vitest'
import { IgnorePatterns, readIgnoreFile } from './ignore.ts'

const ignores = (file: string, path: string): boolean =>
  new IgnorePatterns(readIgnoreFile(file)).ignores(path)

test.each([
  ['a', 'a', true],
  ['a', 'a/b', true],
  ['a', 'b/a', false],
  ['/a/', 'a', true],
  ['**/a', 'x/y/a', true],
  ['**/a', 'a', true],
  ['a/**', 'a/b/c', true],
  ['a/**', 'a', false],
  ['*.md', 'x.md', true],
  ['*.md', 'd/x.md', false],
  ['**/*.md', 'd/x.md', true],
  ['*.md\n!README.md', 'README.md', false],
  ['*.md\n!README*.md\nREADME-secret.md', 'README-secret.md', true],
  ['d\n!d/keep', 'd/keep', false],
  ['d\n!d/keep', 'd/other', true],
  ['# a\na', 'a', true],
  ['?at', 'cat', true],
  ['[a-c]at', 'bat', true],
  ['[^a-c]at', 'bat', false],
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
  ['../a/../b', 'b', false],
  ['*', 'x/y', true],
  ['*\n!x', 'x/y', false],
])('%j, %s: %s', (file, path, expected) => {
  expect(ignores(file, path)).toBe(expected)
})

test('an ignored directory is entered only where an exception may be', () => {
  const patterns = new IgnorePatterns(readIgnoreFile('node_modules\n!node_modules/a/*.js\ndist'))
  expect(patterns.mayHoldExceptions('node_modules')).toBe(true)
  expect(patterns.mayHoldExceptions('node_modules/a')).toBe(true)
  expect(patterns.mayHoldExceptions('node_modules/b')).toBe(false)
  expect(patterns.mayHoldExceptions('dist')).toBe(false)
})

test.each(['a[', '[', 'a\\'])('%j is refused', (pattern) => {
  expect(() => new IgnorePatterns([pattern])).toThrow('syntax error in pattern')
})
