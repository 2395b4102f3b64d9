import { shimCookies } from './shim-cookies.ts'
import { shimDownloads } from './shim-downloads.ts'
import { shimSynchronousRequests } from './shim-requests.ts'
import { previewSocket } from './shim-socket.ts'
import type { PreviewCookie } from '../../link/preview.ts'

// Runs before the scripts of each of a container's pages, in its place, for what a service worker can't do.

interface Settings {
  readonly port: number
  readonly cookies: readonly PreviewCookie[]
}

const script = document.currentScript
if (script instanceof HTMLElement && script.dataset['preview'] !== undefined) {
  const settings = JSON.parse(script.dataset['preview']) as Settings
  // The page finds its document as it was sent.
  script.remove()
  shimCookies(settings.cookies)
  shimDownloads()
  shimSynchronousRequests()
  Object.defineProperty(window, 'WebSocket', {
    value: previewSocket(settings.port, window.WebSocket),
    configurable: true,
    writable: true,
  })
}
