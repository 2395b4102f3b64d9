import { builtinModules } from 'node:module'
import { defineConfig } from 'vite'
import { buildInfo } from './build-info.ts'

/** The headless engine and the tools, for Node 20: one folder that needs nothing but the packages. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  publicDir: false,
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
