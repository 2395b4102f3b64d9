import type { HeaderList } from '../../link/preview.ts'
import {
  BRIDGE_PATH,
  CHANNEL_NAME,
  COOKIE_PATH,
  WORKER_PATH,
  type ClientMessage,
  type WorkerMessage,
} from '../../link/preview-frame.ts'
import { answerOf } from './answer.ts'
import { EngineLink, PreviewError } from './engine-link.ts'
import { notice } from './notice.ts'
import { isOwn, previewOrigin, type PreviewOrigin } from './origin.ts'
import { uploadOf, UploadTooLarge } from './upload.ts'

// Answers the container's pages. It may be stopped at any time and keeps nothing: a new start asks the bridge for a channel.

declare const self: ServiceWorkerGlobalScope

const own = previewOrigin(new URL(self.location.href))
const cookieNews = new BroadcastChannel(CHANNEL_NAME)

const link = new EngineLink({
  onCookies: (cookies) => cookieNews.postMessage(cookies),
  onLost: () => void tellBridges({ worker: 'lost' }),
  onBusy: () => void tellBridges({ worker: 'busy' }),
})

async function tellBridges(message: WorkerMessage): Promise<void> {
  for (const client of await self.clients.matchAll({ includeUncontrolled: true, type: 'window' })) {
    if (new URL(client.url).pathname === BRIDGE_PATH) client.postMessage(message)
  }
}

self.addEventListener('install', (event) => event.waitUntil(self.skipWaiting()))
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('message', (event) => {
  const message = event.data as ClientMessage
  const [port] = event.ports
  switch (message.client) {
    case 'channel':
      if (!port) return
      link.connect(port)
      event.source?.postMessage({ worker: 'connected' } satisfies WorkerMessage)
      return
    case 'ping':
      if (!link.isBusy) void tellBridges({ worker: 'idle' })
      return
    case 'cookie':
      void link.send({ kind: 'cookie', text: message.text, path: message.path }).catch(ignore)
      return
    case 'websocket': {
      if (!port) return
      const { path, protocols } = message
      link.send({ kind: 'websocket', path, protocols }, [port]).catch(() => {
        port.postMessage({ kind: 'close', code: 1006, reason: '', failed: true })
      })
    }
  }
})

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  if (!own || !isOwn(url, own)) return
  if (url.pathname === COOKIE_PATH) {
    const text = url.searchParams.get('text') ?? ''
    void link
      .send({ kind: 'cookie', text, path: url.searchParams.get('path') ?? '/' })
      .catch(ignore)
    event.respondWith(new Response(null, { status: 204 }))
    return
  }
  if (url.pathname.startsWith(BRIDGE_PATH) || url.pathname === WORKER_PATH) return
  event.respondWith(answer(event.request, url, own))
})

const ignore = (): void => undefined

async function answer(request: Request, url: URL, own: PreviewOrigin): Promise<Response> {
  const isDocument =
    request.mode === 'navigate' ||
    request.destination === 'iframe' ||
    request.destination === 'frame'
  const path = url.pathname + url.search
  try {
    const { head, body } = await link.request(
      {
        method: request.method,
        path,
        headers: headersOf(request),
        referrer: referrerOf(request, own),
        credentials: request.credentials !== 'omit',
        upload: await uploadOf(request),
      },
      request.signal,
    )
    if (head.cookiesChanged) cookieNews.postMessage(head.cookies)
    return answerOf(head, body, { own, path, isDocument })
  } catch (error) {
    if (request.signal.aborted) throw error
    if (!isDocument) return error instanceof UploadTooLarge ? tooLarge(error) : Response.error()
    const failure = error instanceof PreviewError ? error.failure : 'broken'
    return notice(failure, error instanceof Error ? error.message : String(error), own.port)
  }
}

const tooLarge = (error: UploadTooLarge): Response =>
  new Response(error.message, { status: 413, headers: { 'x-drydock-preview': 'upload' } })

function headersOf(request: Request): HeaderList {
  const headers: [string, string][] = []
  request.headers.forEach((value, name) => headers.push([name, value]))
  const add = (name: string, value: string): void => {
    if (!request.headers.has(name)) headers.push([name, value])
  }
  add('user-agent', self.navigator.userAgent)
  add('accept', '*/*')
  add('accept-language', self.navigator.languages.join(','))
  add('sec-fetch-dest', request.destination === '' ? 'empty' : request.destination)
  add('sec-fetch-mode', request.mode)
  add(
    'sec-fetch-site',
    request.mode === 'navigate' && request.referrer === '' ? 'none' : 'same-origin',
  )
  return headers
}

/** Of pages of this container alone: the bridge is no page that the server should know of. */
function referrerOf(request: Request, own: PreviewOrigin): string | undefined {
  if (!URL.canParse(request.referrer)) return undefined
  const url = new URL(request.referrer)
  if (url.origin !== own.origin || url.pathname.startsWith(BRIDGE_PATH)) return undefined
  return url.pathname + url.search
}
