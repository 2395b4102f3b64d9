import type { PreviewCookie } from '../../link/preview.ts'
import { CHANNEL_NAME, COOKIE_PATH, type ClientMessage } from '../../link/preview-frame.ts'

/** `document.cookie` over the jar in the engine's worker: a service worker can't set cookies, and partitioned ones are lost. */
export function shimCookies(initial: readonly PreviewCookie[]): void {
  let cookies = initial
  // The page may put another one in its place.
  const request = window.fetch.bind(window)
  const news = new BroadcastChannel(CHANNEL_NAME)
  news.addEventListener('message', ({ data }: MessageEvent<readonly PreviewCookie[]>) => {
    cookies = data
  })
  Object.defineProperty(Document.prototype, 'cookie', {
    configurable: true,
    enumerable: true,
    get: () =>
      cookies
        .filter(([, , path]) => matches(location.pathname, path))
        .sort((left, right) => right[2].length - left[2].length)
        .map(([name, value]) => (name === '' ? value : `${name}=${value}`))
        .join('; '),
    set: (text: unknown) => {
      const assigned = String(text)
      cookies = withCookie(cookies, assigned)
      const path = location.pathname
      const query = new URLSearchParams({ path, text: assigned })
      request(`${COOKIE_PATH}?${String(query)}`, { keepalive: true }).catch(() => {
        const message: ClientMessage = { client: 'cookie', text: assigned, path }
        navigator.serviceWorker.controller?.postMessage(message)
      })
    },
  })
}

/** RFC 6265bis, 5.1.4. */
const matches = (path: string, cookiePath: string): boolean =>
  path.startsWith(cookiePath) &&
  (path.length === cookiePath.length || cookiePath.endsWith('/') || path[cookiePath.length] === '/')

/** As the jar will have it: until its word comes, the page reads what it wrote. */
function withCookie(cookies: readonly PreviewCookie[], text: string): readonly PreviewCookie[] {
  const [pair = '', ...attributes] = text.split(';').map((part) => part.trim())
  const equals = pair.indexOf('=')
  const name = equals < 0 ? '' : pair.slice(0, equals).trim()
  const value = pair.slice(equals + 1).trim()
  const attribute = (wanted: string): string | undefined =>
    attributes.find((part) => part.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1)
  const folder = location.pathname.slice(0, location.pathname.lastIndexOf('/')) || '/'
  const given = attribute('path')
  const path = given?.startsWith('/') ? given : folder
  const others = cookies.filter((cookie) => cookie[0] !== name || cookie[2] !== path)
  const age = attribute('max-age')
  const until = attribute('expires')
  const isGone =
    age === undefined ? until !== undefined && Date.parse(until) <= Date.now() : Number(age) <= 0
  const isHidden = attributes.some((part) => part.toLowerCase() === 'httponly')
  return isGone || isHidden ? others : [...others, [name, value, path]]
}
