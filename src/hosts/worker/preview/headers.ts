import type { Headers } from '../../../codec/http/head.ts'
import { EngineError } from '../../../core/error.ts'
import type { HeaderList, PreviewMessage } from '../../../link/preview.ts'

/** Of all fields of a request, in characters. */
const HEADERS_MAX = 49_152
const PATH_MAX = 16_384

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/
/** Visible ASCII, as a browser writes a path. */
const PATH = /^\/[\u{21}-\u{7e}]*$/u
/** No controls but tabs, nothing beyond latin-1. */
const VALUE = /^[\t\u{20}-\u{7e}\u{80}-\u{ff}]*$/u

/** What belongs to the connection (RFC 9110, 7.6.1) or is made here, whoever asks. */
const OURS = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'origin',
  'proxy-connection',
  'referer',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What stays between this worker and the server; cookies are in the jar. */
const NOT_FOR_PAGE = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

type RequestMessage = Extract<PreviewMessage, { kind: 'req' }>

const refused = (message: string): EngineError => new EngineError('invalid-parameter', message)

/** @throws EngineError `invalid-parameter` for a path that would break the request line */
export function checkPath(path: string): string {
  if (path.length > PATH_MAX || !PATH.test(path)) throw refused('The address is malformed')
  return path
}

/** @throws EngineError `invalid-parameter` */
export function checkMethod(method: string): string {
  if (!TOKEN.test(method) || method === 'CONNECT') throw refused('The method is malformed')
  return method
}

/** As the address bar would show the server if the container ran on this computer. */
const authorityOf = (port: number): string => (port === 80 ? 'localhost' : `localhost:${port}`)

/**
 * A request's fields as a browser would send them to `localhost:<port>`: frameworks compare Host, Origin and Referer.
 * @throws EngineError `invalid-parameter` for names or values that can't be, `unavailable` for too many
 */
export function requestHeaders(
  { method, headers, referrer }: Pick<RequestMessage, 'method' | 'headers' | 'referrer'>,
  port: number,
  cookie: string,
): Headers {
  const origin = `http://${authorityOf(port)}`
  const result: Record<string, string> = {
    host: authorityOf(port),
    connection: 'keep-alive',
    ...checked(headers),
    // What the engine gets compressed the browser would not unpack behind a service worker.
    'accept-encoding': 'identity',
  }
  if (method !== 'GET' && method !== 'HEAD') result['origin'] = origin
  if (referrer !== undefined && PATH.test(referrer) && referrer.length <= PATH_MAX) {
    result['referer'] = origin + referrer
  }
  if (cookie !== '') result['cookie'] = cookie
  return result
}

function checked(headers: HeaderList): Headers {
  const result: Record<string, string> = {}
  let size = 0
  for (const [name, value] of headers) {
    if (!TOKEN.test(name) || !VALUE.test(value)) throw refused('A header is malformed')
    size += name.length + value.length
    if (size > HEADERS_MAX) throw refused('The headers are too large')
    const key = name.toLowerCase()
    if (OURS.has(key) || key.startsWith('proxy-') || key.startsWith('sec-websocket-')) continue
    result[key] = value
  }
  return result
}

/** An answer's fields for the page. */
export const answerHeaders = (headers: Headers): HeaderList =>
  Object.entries(headers).filter(([name]) => !NOT_FOR_PAGE.has(name))
