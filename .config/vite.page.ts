import { execFileSync } from 'node:child_process'
import { defineConfig } from 'vite'
import { compressed } from './vite-compressed.ts'

const build = ((): string => {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unversioned'
  }
})()

/** The page: static files for any host. Paths are relative, so that it works in a subfolder. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  base: './',
  define: { BUILD: JSON.stringify(`${build}-${Date.now().toString(36)}`) },
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
