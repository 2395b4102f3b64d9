import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import type { Plugin } from 'vite'

/** Writes a brotli neighbour beside each text and wasm file, for servers that send such as it is. */
export const compressed = (): Plugin => ({
  name: 'compressed',
  apply: 'build',
  closeBundle() {
    const folder = 'dist/page'
    for (const name of readdirSync(join(folder, 'assets'))) {
      if (!/\.(js|css|wasm)$/.test(name)) continue
      const path = join(folder, 'assets', name)
      const bytes = readFileSync(path)
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: 9,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      }
      writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }))
    }
  },
})
