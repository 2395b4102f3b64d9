import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { build, type Plugin } from 'vite'

const root = new URL('..', import.meta.url).pathname
const sources = `${root}src/preview`

/** One script without imports: a service worker that is a module isn't known to every browser, and a page's first script must not wait. */
async function bundle(path: string, define: Record<string, string> = {}): Promise<string> {
  const result = await build({
    configFile: false,
    root,
    publicDir: false,
    logLevel: 'warn',
    define,
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: { input: `${sources}/${path}`, output: { format: 'iife' } },
    },
  })
  const [bundled] = [result].flat()
  if (!bundled || !('output' in bundled)) throw new Error(`${path} was not bundled`)
  return bundled.output[0].code
}

/** The preview's origin, as a folder for any static host: unknown paths are answered with 404.html. */
export const preview = (): Plugin => ({
  name: 'preview',
  apply: 'build',
  async closeBundle() {
    const folder = `${root}dist/preview`
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(`${folder}/__bridge`, { recursive: true })
    const shim = (await bundle('frame/shim.ts')).replaceAll('</', String.raw`<\/`)
    const page = readFileSync(`${sources}/frame/page.html`, 'utf8')
    const html = (content: string): string => page.replace('<!-- content -->', content)
    const write = (path: string, text: string): void => writeFileSync(`${folder}/${path}`, text)
    write(
      '__bridge-sw.js',
      await bundle('worker/service-worker.ts', { SHIM: JSON.stringify(shim) }),
    )
    write('__bridge/bridge.js', await bundle('frame/bridge.ts'))
    write('__bridge/boot.js', await bundle('frame/boot.ts'))
    write('__bridge/index.html', html('<script src="/__bridge/bridge.js"></script>'))
    write(
      '404.html',
      html('<p role="status">Loading …</p><script src="/__bridge/boot.js"></script>'),
    )
    cpSync(`${folder}/404.html`, `${folder}/index.html`)
  },
})
