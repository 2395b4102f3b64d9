import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

interface Lock {
  readonly files: Readonly<
    Record<string, { readonly sha256: string; readonly size: number; readonly source: string }>
  >
  /** `name version architecture` of each Debian package, by what was made of them. */
  readonly sources: Readonly<Record<string, readonly string[]>>
}

const publicFolder = join(import.meta.dirname, '..', '..', 'public')
const lock: Lock = JSON.parse(readFileSync(join(publicFolder, 'guest', 'lock.json'), 'utf8'))

/** Every file below public/guest and public/registry, but the lock itself and what `npm run build` makes of them. */
function artifacts(): string[] {
  return ['guest', 'registry']
    .flatMap((part) =>
      readdirSync(join(publicFolder, part), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(part, name),
      ),
    )
    .filter((path) => statSync(join(publicFolder, path)).isFile())
    .filter((path) => !/^guest\/(lock\.json|snapshot.*)$/.test(path))
    .sort()
}

describe('the committed artifacts', () => {
  test('are those of the lock, none more and none less', () => {
    expect(artifacts()).toEqual(Object.keys(lock.files).sort())
  })

  test.each(Object.entries(lock.files))('%s has its digest and size', (path, { sha256, size }) => {
    const bytes = readFileSync(join(publicFolder, path))
    expect(bytes.length).toBe(size)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
  })

  test('each tells the packages it was made of', () => {
    for (const { source } of Object.values(lock.files)) expect(lock.sources[source]).toBeDefined()
    for (const line of Object.values(lock.sources).flat())
      expect(line).toMatch(/^[a-z0-9][a-z0-9+.-]+ (\d+:)?[A-Za-z0-9.+~-]+ (all|amd64|i386)$/)
  })

  test('were made of the packages that the build scripts pin', () => {
    const pinned = ['kernel', 'catalog'].flatMap((part) =>
      readFileSync(join(import.meta.dirname, '..', '..', 'wasm', part, 'packages.lock'), 'utf8')
        .split('\n')
        .filter((line) => line.split('\t').length === 4)
        .map((line) => line.split('\t').slice(0, 3).join(' ')),
    )
    const told = new Set(Object.values(lock.sources).flat())
    expect(pinned.filter((line) => !told.has(line))).toEqual([])
  })
})
