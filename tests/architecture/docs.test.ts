import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = new URL('../..', import.meta.url).pathname
const documents = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n')

/** Paths in backquotes and links; not addresses, patterns and what the guest has. */
function pathsIn(text: string): string[] {
  const quoted = [...text.matchAll(/`((?:src|tests|wasm|docs|public|\.config)\/[\w./-]+)`/g)]
  const linked = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)]
  return [...quoted, ...linked].map(([, path = '']) => path)
}

test.each(documents)('%s names files that there are', (document) => {
  const text = readFileSync(join(root, document), 'utf8')
  const missing = pathsIn(text).filter(
    (path) => !existsSync(join(root, path)) && !existsSync(join(root, dirname(document), path)),
  )
  // Made by a build, not committed.
  expect(missing.filter((path) => !/^public\/guest\/(snapshot|test)/.test(path))).toEqual([])
})

test('a missing file would be seen', () => {
  expect(pathsIn('`src/cli/run.ts` and [a](docs/nosuch.md), [b](https://example.com/x)')).toEqual([
    'src/cli/run.ts',
    'docs/nosuch.md',
  ])
})
