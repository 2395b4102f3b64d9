import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
/** Bytes, as git packs them, that one commit may add without a word in the lock. */
const FREE = 5 * 2 ** 20
/** Files above it are the ones to give reasons for. */
const LARGE = 2 ** 20

interface Blob {
  readonly id: string
  readonly size: number
  readonly packed: number
}

const git = (args: readonly string[], input = ''): Buffer =>
  execFileSync('git', args, { cwd: root, input, maxBuffer: 2 ** 29 })

/** The blobs that each commit adds. */
function additions(): Map<string, Blob[]> {
  const log = git([
    'log',
    '--format=commit %H',
    '--raw',
    '--no-abbrev',
    '--no-renames',
    '-m',
    '--first-parent',
    '--root',
  ])
  const added = new Map<string, string[]>()
  let commit = ''
  for (const line of log.toString().split('\n')) {
    if (line.startsWith('commit ')) added.set((commit = line.slice(7)), [])
    const id = /^:\d+ \d+ [0-9a-f]+ ([0-9a-f]+) [AMT]\t/.exec(line)?.[1]
    if (id !== undefined) added.get(commit)?.push(id)
  }
  const ids = [...new Set([...added.values()].flat())]
  const sizes = new Map(
    git(
      ['cat-file', '--batch-check=%(objectname) %(objectsize) %(objectsize:disk)'],
      ids.join('\n'),
    )
      .toString()
      .trim()
      .split('\n')
      .map((line) => {
        const [id = '', size, packed] = line.split(' ')
        return [id, { id, size: Number(size), packed: Number(packed) }]
      }),
  )
  return new Map(
    [...added].map(([name, blobs]) => [name, blobs.flatMap((id) => sizes.get(id) ?? [])]),
  )
}

/** Large blobs without a reason, of a commit that adds more than is free. */
function unexplained(blobs: readonly Blob[], reasonOf: (blob: Blob) => string | undefined): Blob[] {
  const total = blobs.reduce((sum, { packed }) => sum + packed, 0)
  return total <= FREE ? [] : blobs.filter((blob) => blob.size > LARGE && !reasonOf(blob))
}

test('what a commit adds beyond 5 MB has its reason in the lock', () => {
  const { large }: { large: Record<string, string> } = JSON.parse(
    readFileSync(join(root, 'public', 'guest', 'lock.json'), 'utf8'),
  )
  const reasonOf = ({ id }: Blob): string | undefined =>
    large[
      createHash('sha256')
        .update(git(['cat-file', 'blob', id]))
        .digest('hex')
    ]
  const commits = [...additions()]
  expect(commits.length).toBeGreaterThan(0)
  expect(commits.flatMap(([, blobs]) => unexplained(blobs, reasonOf))).toEqual([])
})

test.each([
  ['one file of 6 MB', [6], 1],
  ['two of 3 MB', [3, 3], 2],
  ['small ones', [1, 1, 1, 1, 1, 1], 0],
  ['4 MB', [4], 0],
])('%s without reasons: %j', (_name, sizes, expected) => {
  const blobs = sizes.map((size, at) => ({
    id: String(at),
    size: size * 2 ** 20,
    packed: size * 2 ** 20,
  }))
  expect(unexplained(blobs, () => undefined)).toHaveLength(expected)
  expect(unexplained(blobs, () => 'a reason')).toEqual([])
})
