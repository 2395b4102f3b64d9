import { chmodSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'
import { buildInfo } from './build-info.ts'
import { schemaValidators } from './schema-validators.ts'

const root = new URL('..', import.meta.url).pathname

/** npm sets the run bit of a package's programs once, when it links them; each build writes a new file. */
const runnable = (): Plugin => ({
  name: 'runnable',
  apply: 'build',
  writeBundle({ dir = '' }) {
    chmodSync(join(dir, 'drydock.js'), 0o755)
  },
})

/** The headless engine and the tools, for Node 20: one folder that needs nothing but the packages. */
export default defineConfig({
  root,
  publicDir: false,
  plugins: [schemaValidators(), runnable()],
  define: { BUILD_INFO: JSON.stringify(buildInfo) },
  build: {
    outDir: 'dist/node',
    emptyOutDir: true,
    target: 'node20',
    ssr: true,
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      input: { drydock: 'src/hosts/node/drydock.ts' },
      external: [...builtinModules, /^node:/, 'v86', /^v86\//, 'hash-wasm', 'fflate', 'ws'],
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        banner: (chunk) => (chunk.name === 'drydock' ? '#!/usr/bin/env -S node --' : ''),
      },
    },
  },
})
