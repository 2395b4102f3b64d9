import { build } from 'vite'

const root = new URL('../..', import.meta.url).pathname

/** Makes `bench/` beside the page, as the engine loads what is there; the next build of the page removes it. */
export async function buildBenchPage(): Promise<void> {
  await build({
    configFile: `${root}.config/vite.page.ts`,
    root: `${root}tests/bench/chromium`,
    publicDir: false,
    logLevel: 'warn',
    plugins: [],
    build: { outDir: `${root}dist/page/bench`, emptyOutDir: true },
  })
}
