import { expect, test } from 'vitest'
import { mergeLayers } from '../../codec/layer-merge.ts'
import type { EntryKind, LayerEntry } from '../../core/layer.ts'
import { withMountPoints } from './mount-points.ts'
import { findNode } from './tree-path.ts'

const entry = (path: string, kind: EntryKind, more: Partial<LayerEntry> = {}): LayerEntry => ({
  path,
  kind,
  mode: 0o700,
  uid: 3,
  gid: 4,
  mtime: 5,
  size: 0,
  offset: 0,
  ...more,
})
const treeOf = (...entries: readonly LayerEntry[]) =>
  mergeLayers([{ entries, source: { read: () => new Uint8Array() } }])

test('an empty tree gets every mount point, and stays empty itself', () => {
  const root = treeOf()
  const own = withMountPoints(root, 7)
  expect([...(own.children ?? []).keys()]).toEqual(['dev', 'etc', 'proc', 'sys'])
  expect([...(findNode(own, 'etc')?.children ?? []).keys()]).toEqual([
    'hostname',
    'hosts',
    'resolv.conf',
  ])
  expect(own.links).toBe(6)
  expect(findNode(own, 'etc/hosts')).toMatchObject({ kind: 'file', size: 0, mtime: 7, uid: 0 })
  expect(root.children?.size).toBe(0)
})

test('what is there stays as it is', () => {
  const root = treeOf(
    entry('etc', 'directory'),
    entry('etc/resolv.conf', 'symlink', { target: '../run/resolv.conf' }),
    entry('proc', 'symlink', { target: 'elsewhere' }),
  )
  const own = withMountPoints(root, 7)
  expect(findNode(own, 'etc')).toMatchObject({ mode: 0o700, uid: 3, gid: 4, mtime: 5 })
  expect(findNode(own, 'etc/resolv.conf')?.kind).toBe('symlink')
  expect(findNode(own, 'proc')?.kind).toBe('symlink')
  expect(withMountPoints(treeOf(entry('etc', 'file')), 7).children?.get('etc')?.kind).toBe('file')
})

test('directories are its own, files are shared', () => {
  const root = treeOf(entry('a/b', 'directory'), entry('a/b/f', 'file'))
  const own = withMountPoints(root, 7)
  expect(findNode(own, 'a/b')).not.toBe(findNode(root, 'a/b'))
  expect(findNode(own, 'a/b/f')).toBe(findNode(root, 'a/b/f'))
})
