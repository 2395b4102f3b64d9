import { expect, test } from 'vitest'
import type { ListedEntry } from '../../core/context-listing.ts'
import type { RootfsNode } from '../../core/layer.ts'
import { ContextStore } from './context-store.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const fileOf = (text: string): RootfsNode => ({
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0,
  size: bytes(text).length,
  offset: 0,
  links: 1,
  source: { read: () => bytes(text) },
})

const rootOf = (files: Readonly<Record<string, string>>): RootfsNode => ({
  ...fileOf(''),
  kind: 'directory',
  children: new Map(Object.entries(files).map(([name, text]) => [name, fileOf(text)])),
})

const listing = (...entries: readonly ListedEntry[]) => ({ key: '/home', entries })
const a: ListedEntry = ['a', 'file', 0o644, 1, 10]
const b: ListedEntry = ['b', 'file', 0o600, 2, 10]

test('a file is sent once, and again when its stat has changed', () => {
  const store = new ContextStore()
  const first = store.offer(listing(a, b))
  expect(first.missing).toEqual([0, 1])
  const root = store.complete(first.id, rootOf({ a: 'A', b: 'BB' }), { keep: true })
  expect(root.children?.get('b')?.mode).toBe(0o600)

  const second = store.offer(listing(a, ['b', 'file', 0o600, 2, 11]))
  expect(second.missing).toEqual([1])
  const next = store.complete(second.id, rootOf({ b: 'CC' }), { keep: true })
  expect(next.children?.get('a')).toBe(root.children?.get('a'))
  expect(next.children?.get('b')?.source?.read(0, 2)).toEqual(bytes('CC'))
})

test('directories and links come with the listing alone', () => {
  const store = new ContextStore()
  const { id, missing } = store.offer(
    listing(['d', 'directory', 0o711, 0, 3], ['d/l', 'symlink', 0o777, 0, 4, '../a']),
  )
  expect(missing).toEqual([])
  const root = store.complete(id, rootOf({}), { keep: true })
  const directory = root.children?.get('d')
  expect([directory?.mode, directory?.children?.get('l')?.target]).toEqual([0o711, '../a'])
})

test('a file that changed meanwhile, and a listing that nobody made, are refused', () => {
  const store = new ContextStore()
  const { id } = store.offer(listing(a))
  expect(() => store.complete(id, rootOf({ a: 'longer' }), { keep: true })).toThrow(
    'a changed while the context was read',
  )
  expect(() => store.complete('99', rootOf({}), { keep: true })).toThrow(
    'no context was listed as "99"',
  )
})
