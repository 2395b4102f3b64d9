import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
// @ts-expect-error the catalog's build is plain JavaScript
import * as catalog from '../../wasm/catalog/published.mjs'

interface Entry {
  readonly name: string
  readonly mtime: number
  readonly data?: Buffer
}
interface Layer {
  readonly layer: { readonly blob: Buffer; readonly entries?: readonly Entry[] }
  readonly createdBy: string
  readonly epoch: number
}
interface Catalog {
  readonly Published: new (path: string) => { layers(reference: string): Layer[] }
  readonly withChanges: (options: {
    readonly layers: readonly Layer[]
    readonly tree: readonly Entry[]
    readonly epoch: number
    readonly build: (changes: readonly Entry[]) => Layer['layer']
  }) => Layer[] | undefined
  readonly filesOf: (layers: readonly Layer[], epoch: number) => Entry[]
}

const { Published, withChanges, filesOf }: Catalog = catalog
const published = new Published(join(import.meta.dirname, '..', '..', 'public', 'registry'))

describe.each(['docker.io/library/busybox:latest', 'docker.io/library/nginx:latest'])(
  '%s, built again',
  (reference) => {
    const layers = published.layers(reference)
    const epoch = layers.at(-1)?.epoch ?? 0
    const files = filesOf(layers, epoch)
    const build = (tree: readonly Entry[], at = epoch, bytes = 100): Layer[] | undefined =>
      withChanges({
        layers,
        tree,
        epoch: at,
        build: (entries) => ({ blob: Buffer.alloc(bytes), entries }),
      })
    const changed = files.map((entry) =>
      entry.name === 'etc/passwd' ? { ...entry, data: Buffer.from('root') } : entry,
    )
    const added = (result: Layer[] | undefined): string[] =>
      (result?.slice(layers.length) ?? []).flatMap(({ layer }) =>
        (layer.entries ?? []).map(({ name }) => name),
      )

    test('has files', () => expect(files.map(({ name }) => name)).toContain('etc/passwd'))

    test('keeps its layers when nothing changed', () => expect(build(files)).toEqual(layers))

    test('keeps them when only the day of the build is another', () => {
      const next = epoch + 3 * 86_400
      const later = filesOf(layers, next).map((entry) => ({
        ...entry,
        mtime: entry.mtime === epoch ? next : entry.mtime,
      }))
      expect(build(later, next)).toEqual(layers)
    })

    test('has a file that changed, and its folder, in a layer above', () => {
      expect(build(changed)?.slice(0, layers.length)).toEqual(layers)
      expect(added(build(changed))).toEqual(['etc/', 'etc/passwd'])
    })

    test('hides a file that is gone', () => {
      const without = files.filter(({ name }) => name !== 'etc/passwd')
      expect(added(build(without))).toEqual(['etc/', 'etc/.wh.passwd'])
    })

    test('is made anew when the changes pass half of its layer', () => {
      const top = layers.at(-1)?.layer.blob.length ?? 0
      expect(build(changed, epoch, top / 2 + 1)).toBeUndefined()
    })
  },
)

test('an image that is new has no layers', () =>
  expect(published.layers('docker.io/library/nosuch:latest')).toEqual([]))
