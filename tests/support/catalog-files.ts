import { createReadStream, existsSync, openAsBlob } from 'node:fs'
import { Readable } from 'node:stream'
import type { CatalogFiles } from '../../src/storage/host-root.ts'

const registry = new URL('../../public/registry/', import.meta.url).pathname

/** The catalog of this checkout. */
export const catalogFiles: CatalogFiles = {
  open: async (path) => {
    if (!existsSync(`${registry}${path}`)) return undefined
    return Readable.toWeb(createReadStream(`${registry}${path}`)) as ReadableStream<Uint8Array>
  },
  range: async (path, offset, length) => {
    const file = openAsBlob(`${registry}${path}`)
    return new Uint8Array(await (await file).slice(offset, offset + length).arrayBuffer())
  },
}
