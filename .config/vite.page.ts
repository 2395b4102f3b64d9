import { defineConfig } from 'vite'
import { buildInfo } from './build-info.ts'
import { compressed } from './vite-compressed.ts'

/** The page: static files for any host. Paths are relative, so that it works in a subfolder. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  base: './',
  define: {
    BUILD: JSON.stringify(`${buildInfo.gitCommit}-${Date.now().toString(36)}`),
    BUILD_INFO: JSON.stringify(buildInfo),
  },
  worker: { format: 'es' },
  build: {
    outDir: 'dist/page',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: true,
    chunkSizeWarningLimit: 1500,
  },
  plugins: [compressed()],
})
