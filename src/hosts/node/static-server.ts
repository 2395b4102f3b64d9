import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RelaySettings } from '../../link/relay-settings.ts'
import { isLoopbackHost } from './loopback-host.ts'

/** What a site's owner sets: the page reads it from `config.json` beside it. */
export interface SiteSettings {
  /** The way out of the page: see docs/decisions/009-egress.md. */
  readonly relay?: RelaySettings
  /** Origins of previews, `*` for the name of one. */
  readonly preview?: string
}

/** What else a server of a page answers. */
export interface StaticServerParts {
  /** @returns false for what it doesn't answer */
  readonly request?: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** A served folder. Disposing it closes the server with its connections. */
export interface StaticServer extends AsyncDisposable {
  readonly url: string
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
}

/** The same policy stands in index.html for hosts that set no headers; workers take theirs from here. */
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data: blob:; connect-src 'self' https: http://localhost:* http://127.0.0.1:* wss: ws://localhost:* ws://127.0.0.1:*; worker-src 'self'; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'"

/**
 * Serve a folder on a loopback port, as any static host would: ranges (the guest's root is read on demand), and the
 * compressed neighbour (`.br`) of a file where the browser takes it.
 */
export async function serveFolder(
  root: string,
  port: number,
  settings: SiteSettings = {},
  parts: StaticServerParts = {},
): Promise<StaticServer> {
  const server = createServer((request, response) => {
    if (parts.request?.(request, response)) return
    answer(root, settings, request, response).catch(() => response.destroy())
  })
  if (parts.upgrade) server.on('upgrade', parts.upgrade)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the server has no port')
  return {
    url: `http://localhost:${bound.port}/`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  root: string,
  settings: SiteSettings,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const headers: Record<string, string | number> = {
    'content-security-policy': `${POLICY}; frame-src ${settings.preview ?? "'none'"}`,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  }
  if (request.url === '/config.json') {
    // A page of another name that was led to this address must not learn the relay's token.
    const own = isLoopbackHost(request.headers.host)
    response.writeHead(own ? 200 : 403, { ...headers, 'content-type': 'application/json' })
    response.end(JSON.stringify(own ? settings : {}))
    return
  }
  const path = fileOf(root, request.url ?? '/')
  const found = path === undefined ? undefined : await sizeOf(path)
  if (path === undefined || found === undefined) {
    response.writeHead(404, { ...headers, 'content-type': 'text/plain' }).end('not found\n')
    return
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...headers, allow: 'GET, HEAD' }).end()
    return
  }
  headers['content-type'] = types[extname(path)] ?? 'application/octet-stream'
  headers['etag'] = `"${found.size.toString(36)}-${Math.trunc(found.modified).toString(36)}"`
  // Names under assets/ and blobs/ carry their digest; the rest is asked for again.
  headers['cache-control'] = /\/(assets|blobs)\//.test(path)
    ? 'public, max-age=31536000, immutable'
    : 'no-cache'
  if (request.headers['if-none-match'] === headers['etag']) {
    response.writeHead(304, headers).end()
    return
  }
  await send(path, found.size, headers, request, response)
}

async function send(
  path: string,
  size: number,
  headers: Record<string, string | number>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const range = rangeOf(request.headers.range, size)
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${size}` }).end()
    return
  }
  const compressed =
    range === undefined && /\bbr\b/.test(request.headers['accept-encoding'] ?? '')
      ? await sizeOf(`${path}.br`)
      : undefined
  const file = compressed ? `${path}.br` : path
  const start = range?.start ?? 0
  const end = range?.end ?? (compressed?.size ?? size) - 1
  if (compressed) headers['content-encoding'] = 'br'
  if (range) headers['content-range'] = `bytes ${start}-${end}/${size}`
  headers['accept-ranges'] = 'bytes'
  headers['vary'] = 'accept-encoding'
  headers['content-length'] = end - start + 1
  response.writeHead(range ? 206 : 200, headers)
  if (request.method === 'HEAD' || end < start) response.end()
  else await pipeline(createReadStream(file, { start, end }), response)
}

function fileOf(root: string, url: string): string | undefined {
  let path: string
  try {
    path = decodeURIComponent(new URL(url, 'http://host').pathname)
  } catch {
    return undefined
  }
  const file = normalize(join(root, path.endsWith('/') ? `${path}index.html` : path))
  return file.startsWith(root + sep) && !file.includes('\0') ? file : undefined
}

async function sizeOf(path: string): Promise<{ size: number; modified: number } | undefined> {
  const info = await stat(path).catch(() => undefined)
  return info?.isFile() ? { size: info.size, modified: info.mtimeMs } : undefined
}

/** RFC 9110, 14.2: one range of bytes; anything else is ignored. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return start > end || start >= size ? 'unsatisfiable' : { start, end }
}
