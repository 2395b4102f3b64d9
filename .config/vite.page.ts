import { cpSync, readFileSync, rmSync } from 'node:fs'
import { defineConfig, type Plugin } from 'vite'
import { buildInfo } from './build-info.ts'
import { schemaValidators } from './schema-validators.ts'
import { compressed } from './vite-compressed.ts'
import { preview } from './vite-preview.ts'

const root = new URL('..', import.meta.url).pathname

/** The snapshot beside the page: `drydock snapshot` has made it. */
const guest = (): Plugin => ({
  name: 'guest',
  apply: 'build',
  closeBundle() {
    // What the snapshot was made of is of no use to the page.
    rmSync(`${root}dist/page/guest`, { recursive: true, force: true })
    cpSync(`${root}dist/guest`, `${root}dist/page/guest`, { recursive: true })
  },
})

/** The page: static files for any host. Paths are relative, so that it works in a subfolder. */
export default defineConfig({
  root,
  base: './',
  define: {
    BUILD: JSON.stringify(`${buildInfo.gitCommit}-${Date.now().toString(36)}`),
    BUILD_INFO: JSON.stringify(buildInfo),
    SNAPSHOT: readFileSync(`${root}dist/guest/snapshot.json`, 'utf8'),
    ROOT: readFileSync(`${root}dist/guest/root.json`, 'utf8'),
  },
  worker: { format: 'es', plugins: () => [schemaValidators()] },
  build: {
    outDir: 'dist/page',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: true,
    chunkSizeWarningLimit: 1500,
  },
  plugins: [schemaValidators(), guest(), preview(), compressed()],
})
