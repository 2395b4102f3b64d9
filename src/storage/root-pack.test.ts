import { readFile } from 'node:fs/promises'
import { beforeAll, expect, test } from 'vitest'
import type { RootfsNode } from '../core/layer.ts'
import { openHostRoot, openHostRootLayers, type CatalogFiles } from './host-root.ts'
import { openRootPack, packRoot } from './root-pack.ts'

const registry = new URL('../../public/registry/', import.meta.url)
/** Ranges that were asked for. */
let asked = 0
const files: CatalogFiles = {
  open: async (path) => new Blob([await readFile(new URL(path, registry))]).stream(),
  range: async (path, offset, length) => {
    asked++
    return (await readFile(new URL(path, registry))).subarray(offset, offset + length)
  },
}

let pack: Uint8Array
beforeAll(async () => {
  pack = await packRoot(await openHostRootLayers(files))
}, 60_000)

function find(root: RootfsNode, path: string): RootfsNode {
  let node = root
  for (const part of path.split('/')) {
    const child = node.children?.get(part)
    if (!child) throw new Error(`no ${part} of ${path}`)
    node = child
  }
  return node
}

const shape = ({ source, children, ...node }: RootfsNode): unknown => ({
  ...node,
  isStored: source !== undefined,
  children: children && [...children].map(([name, child]) => [name, shape(child)]),
})

test('holds the same tree', async () => {
  const [packed, plain] = [openRootPack(pack, files), await openHostRoot(files)]
  expect(packed.tree).toBe(plain.tree)
  expect(shape(packed.root)).toEqual(shape(plain.root))
}, 60_000)

test('answers at once what the first prompt reads, and fetches the rest', async () => {
  const [packed, plain] = [openRootPack(pack, files).root, (await openHostRoot(files)).root]
  asked = 0
  for (const path of ['usr/bin/bash', 'etc/profile', 'etc/ld.so.cache']) {
    const { source, offset, size } = find(packed, path)
    const bytes = source?.read(offset + 10, size - 10)
    expect(bytes).toBeInstanceOf(Uint8Array)
    const wanted = await find(plain, path).source?.read(offset + 10, size - 10)
    expect(Buffer.compare(bytes as Uint8Array, wanted ?? new Uint8Array())).toBe(0)
  }
  const { source, offset, size } = find(packed, 'usr/bin/sort')
  const bytes = source?.read(offset, size)
  expect(bytes).toBeInstanceOf(Promise)
  const wanted = await find(plain, 'usr/bin/sort').source?.read(offset, size)
  expect(Buffer.compare((await bytes) ?? new Uint8Array(), wanted ?? new Uint8Array())).toBe(0)
  expect(asked).toBeGreaterThan(0)
}, 60_000)
