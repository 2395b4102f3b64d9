import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { layerOf, violations } from './layers.ts'

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => `src/${path}`)
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))

const namesGuestPath = (source: string): boolean =>
  /\/run\/(?:disk|host|containers|trees|shares)\b/.test(source)

test('there are source files to check', () => expect(files.length).toBeGreaterThan(20))

test('every source file belongs to a layer', () =>
  expect(files.filter((file) => layerOf(file) === undefined)).toEqual([]))

test('no layer imports one above it or beside it, nor a package bound elsewhere', () =>
  expect(files.flatMap((file) => violations(file))).toEqual([]))

// The check is checked: each row must be reported, or the tests above prove nothing.
test.each([
  ['src/core/digest.ts', `import type { Clock } from '../ports/clock.ts'`],
  ['src/engine/images/pull.ts', `export * from '../../storage/opfs.ts'`],
  ['src/engine/images/pull.ts', `const v86 = await import('v86')`],
  ['src/engine/images/pull.ts', `export { V86 } from 'v86'`],
  ['src/storage/opfs.ts', `import { open } from 'node:fs/promises'`],
  ['src/api/wait.ts', `import { machine } from '../machine/emulator.ts'`],
  ['src/app/terminal.ts', `import { createEngine } from '../engine/engine.ts'`],
  ['src/app/terminal.ts', `import type { Remote } from 'comlink'`],
  ['src/stray.ts', `export const a = 1`],
])('reports %s with %s', (file, source) => expect(violations(file, source)).toHaveLength(1))

test.each([
  ['src/engine/images/pull.ts', `import { digest } from '../../core/digest.ts'`],
  ['src/machine/emulator.ts', `import wasm from 'v86/build/v86.wasm?url'`],
  ['src/hosts/node/serve.ts', `import { createServer } from 'node:net'`],
])('accepts %s with %s', (file, source) => expect(violations(file, source)).toEqual([]))

test('the engine has no path of guestd: the machine says where things are', () =>
  expect(
    files.filter(
      (file) => file.startsWith('src/engine/') && namesGuestPath(readFileSync(file, 'utf8')),
    ),
  ).toEqual([]))

test.each(['`/run/disk/volumes/${name}/_data`', "'/run/host'", '`/run/containers/${id}/hosts`'])(
  'sees %s as a path of guestd',
  (source) => expect(namesGuestPath(source)).toBe(true),
)
