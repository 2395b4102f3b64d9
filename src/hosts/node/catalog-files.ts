import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { EngineError } from '../../core/error.ts'
import type { CatalogFiles } from '../../storage/host-root.ts'
import { registryFolder } from './assets.ts'

/** The catalog in this installation. */
export const catalogFiles: CatalogFiles = {
  open: async (path) => {
    const file = await open(join(registryFolder, path)).catch(() => undefined)
    return file && (Readable.toWeb(file.createReadStream()) as ReadableStream<Uint8Array>)
  },
  range: async (path, offset, length) => {
    await using file = await open(join(registryFolder, path))
    const bytes = new Uint8Array(length)
    const { bytesRead } = await file.read(bytes, 0, length, offset)
    if (bytesRead < length)
      throw new EngineError('unavailable', `${path} of the catalog is too short`)
    return bytes
  },
}
