import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { mergeLayers } from '../../src/codec/layer-merge.ts'
import { readTar } from '../../src/codec/tar/read.ts'
import type { Layer, LayerEntry, RootfsNode } from '../../src/core/layer.ts'

const registry = new URL('../../public/registry/', import.meta.url)
const blob = (digest: string) =>
  readFileSync(new URL(`blobs/${digest.replace(':', '/')}`, registry))

interface Named {
  readonly digest: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** The merged tree of an image of the catalog, read straight from its layout. */
export async function catalogTree(reference: string): Promise<RootfsNode> {
  const index = JSON.parse(readFileSync(new URL('index.json', registry), 'utf8')) as {
    readonly manifests: readonly Named[]
  }
  const name = `docker.io/library/${reference}`
  const found = index.manifests.find(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === name,
  )
  if (!found) throw new Error(`The catalog has no ${name}`)
  const manifest = JSON.parse(blob(found.digest).toString()) as {
    readonly layers: readonly Named[]
  }
  return mergeLayers(
    await Promise.all(manifest.layers.map(({ digest }) => layer(gunzipSync(blob(digest))))),
  )
}

async function layer(tar: Uint8Array): Promise<Layer> {
  const entries: LayerEntry[] = []
  for await (const entry of readTar(chunks(tar))) entries.push(entry)
  return { entries, source: { read: (offset, length) => tar.subarray(offset, offset + length) } }
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += 65_536) {
    yield await Promise.resolve(bytes.subarray(offset, offset + 65_536))
  }
}
