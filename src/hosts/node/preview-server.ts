import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { EngineError } from '../../core/error.ts'

/** The origin of previews. Disposing it closes it with its connections. */
export interface PreviewServer extends AsyncDisposable {
  /** Of every preview, `*` for the name of one: what `preview` in `config.json` says. */
  readonly origins: string
}

const files: Readonly<Record<string, string>> = {
  '/__bridge/': '__bridge/index.html',
  '/__bridge/bridge.js': '__bridge/bridge.js',
  '/__bridge/boot.js': '__bridge/boot.js',
  '/__bridge-sw.js': '__bridge-sw.js',
}

/** Cookies of previews' names, which a hostile page can make many of, must not keep this server from answering. */
const HEADERS_MAX = 262_144

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; frame-src *; worker-src 'self'; base-uri 'none'; form-action 'none'"

/**
 * Serve what stands on a preview's origin besides the container's pages, on a loopback port: bridge and service worker, and for every
 * other path the page that starts them again. Never anything of a user's.
 * @param folder what `npm run build` makes in dist/preview
 * @throws EngineError `unavailable` when it isn't there
 */
export async function servePreviews(port: number, folder: string): Promise<PreviewServer> {
  if (!existsSync(folder)) {
    throw new EngineError('unavailable', 'The preview is not built. Run `npm run build`.')
  }
  const read = (name: string): Promise<Buffer> => readFile(join(folder, name))
  const boot = await read('404.html')
  const contents = new Map<string, Buffer>()
  for (const [path, name] of Object.entries(files)) contents.set(path, await read(name))
  const server = createServer({ maxHeaderSize: HEADERS_MAX }, (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const body = contents.get(path)
    request.resume()
    response.writeHead(body || path === '/' ? 200 : 404, {
      'content-type': path.endsWith('.js') && body ? 'text/javascript' : 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      // Documents of one site don't share a process' agent: `document.domain` joins none of them.
      'origin-agent-cluster': '?1',
    })
    response.end(request.method === 'HEAD' ? undefined : (body ?? boot))
  })
  const bound = await listening(server, port)
  return {
    origins: `http://*.preview.localhost:${bound}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function listening(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  const listen = (wanted: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(wanted, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  try {
    await listen(port)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    // Any will do; what pages stored below the usual one is not found there.
    await listen(0)
  }
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the server has no port')
  return bound.port
}
