import { describe, expect, test } from 'vitest'
import type { LayerEntry, RootfsNode } from '../../core/layer.ts'
import { mergeLayers } from '../../codec/layer-merge.ts'
import { planCopy, planDirectory, selectSources, type CopyRequest } from './copy-plan.ts'

/** A tree of `path` → kind and mode; a symlink as `path -> target`. */
function treeOf(...lines: readonly string[]): RootfsNode {
  const entries = lines.map((line): LayerEntry => {
    const [path = '', target] = line.split(' -> ')
    const plain = { mode: 0o640, uid: 5, gid: 6, mtime: 7, size: 0, offset: 0 }
    if (target !== undefined) return { ...plain, path, kind: 'symlink', target }
    return path.endsWith('/')
      ? { ...plain, path: path.slice(0, -1), kind: 'directory', mode: 0o700 }
      : { ...plain, path, kind: 'file' }
  })
  return mergeLayers([{ entries, source: { read: () => new Uint8Array() } }])
}

const context = treeOf('a', 'b.txt', 'dir/', 'dir/c', 'dir/sub/', 'dir/sub/d', 'link -> dir/c')
const image = treeOf('etc/', 'data/', 'data/v1/', 'data/now -> v1', 'loop -> loop')

const plan = (
  sources: readonly string[],
  destination: string,
  more: Partial<CopyRequest> = {},
): string[] =>
  planCopy({
    sources: selectSources(context, sources),
    inline: [],
    destination,
    target: image,
    owner: { uid: 0, gid: 0 },
    mode: undefined,
    parents: false,
    excludes: () => false,
    now: 9,
    ...more,
  }).map(
    ({ member: { path, kind, mode, uid, mtime } }) =>
      `${path}${kind === 'directory' ? '/' : ''} ${mode.toString(8)} ${uid} ${mtime}`,
  )

test.each([
  ['a file under a new name', ['a'], '/new', ['new 640 0 7']],
  ['a file into a directory', ['a'], '/etc/', ['etc/a 640 0 7']],
  ['a file onto a directory', ['a'], '/etc', ['etc/a 640 0 7']],
  [
    'directories on the way are root’s',
    ['a'],
    '/x/y/',
    ['x/ 755 0 9', 'x/y/ 755 0 9', 'x/y/a 640 0 7'],
  ],
  ['a link in the image is followed', ['a'], '/data/now/', ['data/v1/a 640 0 7']],
  [
    'a directory gives what lies in it',
    ['dir'],
    '/to',
    ['to/ 755 0 9', 'to/c 640 0 7', 'to/sub/ 700 0 7', 'to/sub/d 640 0 7'],
  ],
  ['a link in the context is followed', ['link'], '/to/', ['to/ 755 0 9', 'to/link 640 0 7']],
  ['wildcards, sorted', ['*.txt', 'a*'], '/etc/', ['etc/b.txt 640 0 7', 'etc/a 640 0 7']],
  ['out of the context is within it', ['../../a'], '/etc/', ['etc/a 640 0 7']],
] as const)('%s', (_, sources, destination, members) => {
  expect(plan(sources, destination)).toEqual(members)
})

test('owners and modes', () => {
  expect(plan(['dir'], '/to', { owner: undefined, mode: () => 0o711, madeMode: 0o711 })).toEqual([
    'to/ 711 0 9',
    'to/c 711 5 7',
    'to/sub/ 711 5 7',
    'to/sub/d 711 5 7',
  ])
})

test('what is excluded is named within its directory', () => {
  const excludes = (path: string): boolean => path === 'sub'
  expect(plan(['dir'], '/etc/', { excludes })).toEqual(['etc/c 640 0 7'])
})

test('--parents keeps the path, from a pivot on', () => {
  expect(plan(['dir/sub/d', 'dir/./c'], '/etc/', { parents: true })).toEqual([
    'etc/dir/ 755 0 9',
    'etc/dir/sub/ 755 0 9',
    'etc/dir/sub/d 640 0 7',
    'etc/c 640 0 7',
  ])
})

describe('what can not be copied', () => {
  test('a source that is not there', () => {
    expect(() => plan(['nope'], '/')).toThrow('"/nope": not found')
    expect(() => plan(['*.nope'], '/')).toThrow('"/*.nope": not found')
  })

  test('a directory onto a file', () => {
    expect(() => plan(['a', 'dir'], '/file')).toThrow('cannot copy to non-directory: /file')
  })
})

test('WORKDIR makes what is missing', () => {
  const made = (path: string): string[] =>
    planDirectory(path, { target: image, owner: { uid: 3, gid: 3 }, now: 9 }).map(
      ({ member }) => `${member.path} ${member.uid}`,
    )
  expect(made('/data/now/x')).toEqual(['data/v1/x 3'])
  expect(made('/etc')).toEqual([])
})
