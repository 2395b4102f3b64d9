import { expect, test } from 'vitest'
import type { Layer, LayerEntry, RootfsNode } from '../core/layer.ts'
import { mergeLayers } from './layer-merge.ts'

const layer = (...lines: readonly (string | Partial<LayerEntry>)[]): Layer => ({
  source: { read: () => new Uint8Array() },
  entries: lines.map((line) => {
    const entry = typeof line === 'string' ? { path: line } : line
    const directory = entry.path?.endsWith('/') ?? false
    return {
      kind: directory ? 'directory' : 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 1,
      size: 0,
      offset: 0,
      ...entry,
      path: entry.path?.replace(/\/$/, '') ?? '',
    }
  }),
})

function names(node: RootfsNode, prefix = ''): string[] {
  return [...(node.children ?? [])].flatMap(([name, child]) =>
    child.kind === 'directory'
      ? [`${prefix}${name}/`, ...names(child, `${prefix}${name}/`)]
      : [prefix + name],
  )
}

// Cases of image-spec v1.1.1, layer.md#whiteouts, and what moby's tests have beyond it.
test.each<[string, Layer[], string[]]>([
  ['an upper file replaces a lower one', [layer('a'), layer('a')], ['a']],
  ['directories merge', [layer('d/', 'd/a'), layer('d/', 'd/b')], ['d/', 'd/a', 'd/b']],
  ['a whiteout hides a file', [layer('d/', 'd/a', 'd/b'), layer('d/.wh.a')], ['d/', 'd/b']],
  ['a whiteout hides a directory', [layer('d/', 'd/a'), layer('.wh.d')], []],
  ['a whiteout hides lower layers only', [layer('a'), layer('a', '.wh.a')], ['a']],
  [
    'whiteout, then a new directory',
    [layer('d/', 'd/a'), layer('.wh.d', 'd/', 'd/b')],
    ['d/', 'd/b'],
  ],
  [
    'opaque hides all below',
    [layer('d/', 'd/a', 'd/e/', 'd/e/f'), layer('d/', 'd/.wh..wh..opq', 'd/b')],
    ['d/', 'd/b'],
  ],
  [
    'opaque after the new file',
    [layer('d/', 'd/a'), layer('d/', 'd/b', 'd/.wh..wh..opq')],
    ['d/', 'd/b'],
  ],
  ['a file replaces a directory', [layer('d/', 'd/a'), layer('d')], ['d']],
  ['a directory replaces a file', [layer('d'), layer('d/', 'd/a')], ['d/', 'd/a']],
  ['a directory that is not listed', [layer('d/e/a')], ['d/', 'd/e/', 'd/e/a']],
  [
    'a path through a lower link makes a directory',
    [layer({ path: 'l', kind: 'symlink', target: 'd' }), layer('l/a')],
    ['l/', 'l/a'],
  ],
  ['a whiteout of nothing', [layer('.wh.x', 'e/.wh.y', 'a')], ['a']],
  [
    'marks of eStargz at the root',
    [
      layer(
        '.prefetch.landmark',
        '.no.prefetch.landmark',
        'stargz.index.json',
        'd/',
        'd/stargz.index.json',
      ),
    ],
    ['d/', 'd/stargz.index.json'],
  ],
  [
    'a file replaced by a directory in one layer',
    [layer('a', 'd/', 'd/x', 'd', 'd/y')],
    ['a', 'd/', 'd/y'],
  ],
  ['names of objects', [layer('__proto__', 'constructor')], ['__proto__', 'constructor']],
])('%s', (_, layers, expected) => expect(names(mergeLayers(layers))).toEqual(expected))

test('the upper layer decides the attributes of a directory', () => {
  const upper = layer(
    { path: 'd/', mode: 0o700, uid: 5 },
    { path: '', kind: 'directory', mode: 0o1777 },
  )
  const root = mergeLayers([layer('d/', 'd/a'), upper])
  expect(root).toMatchObject({ mode: 0o1777, links: 3 })
  expect(root.children?.get('d')).toMatchObject({ mode: 0o700, uid: 5, links: 2 })
})

test('hard links are one node, and count', () => {
  const link = (path: string): Partial<LayerEntry> => ({ path, kind: 'hardlink', target: 'd/a' })
  const lower = layer('d/', 'd/a', link('b'), link('c'))
  const root = mergeLayers([lower])
  expect(root.children?.get('b')).toBe(root.children?.get('d')?.children?.get('a'))
  expect(root.children?.get('b')?.links).toBe(3)
  expect(mergeLayers([lower, layer('b')]).children?.get('c')?.links).toBe(3)
})

test('a hard link to nothing is refused', () => {
  const broken = layer({ path: 'b', kind: 'hardlink', target: 'a' })
  expect(() => mergeLayers([broken])).toThrow('link /a /b: no such file or directory')
})

test('images share the nodes of files, not of directories', () => {
  const base = layer('d/', 'd/a')
  const [one, two] = [mergeLayers([base]), mergeLayers([base, layer('d/b')])]
  expect(one.children?.get('d')).not.toBe(two.children?.get('d'))
  expect(one.children?.get('d')?.children?.get('a')).toBe(
    two.children?.get('d')?.children?.get('a'),
  )
  expect(names(one)).toEqual(['d/', 'd/a'])
})
