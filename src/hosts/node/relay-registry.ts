import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { EgressError } from '../../core/egress-error.ts'
import { connectChecked } from './direct-egress.ts'
import type { EgressPolicy } from './egress-policy.ts'

const REDIRECTS_MAX = 5
/** Milliseconds until a registry must have begun to answer. */
const TIMEOUT = 30_000
/** What a page sets for the registry: browsers forbid some names, and the relay has its own. */
const passedOn = ['accept', 'range'] as const
const passedBack = [
  'content-type',
  'content-length',
  'content-range',
  'docker-content-digest',
  'docker-distribution-api-version',
  'etag',
  'link',
  'ratelimit-limit',
  'ratelimit-remaining',
  'retry-after',
  'www-authenticate',
]

/**
 * Fetches from a registry for a page, as a browser can't where a registry sends no CORS headers: `registry/https/host:port/v2/…`
 * below the relay's own path. Redirects are followed here, each to an address that was checked as the first was.
 */
export async function fetchRegistry(
  policy: EgressPolicy,
  request: IncomingMessage,
  response: ServerResponse,
  target: URL,
): Promise<void> {
  const stop = new AbortController()
  response.once('close', () => stop.abort(new Error('the page left')))
  const headers: Record<string, string> = { 'user-agent': 'Drydock' }
  for (const name of passedOn) {
    const value = request.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  const authorization = request.headers['x-registry-authorization']
  if (typeof authorization === 'string') headers['authorization'] = authorization
  try {
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET'
    const answer = await follow(policy, target, method, headers, stop.signal)
    const back: Record<string, string | string[]> = {}
    for (const name of passedBack) {
      const value = answer.headers[name]
      if (value !== undefined) back[name] = value
    }
    response.writeHead(answer.statusCode ?? 502, back)
    // What breaks on the way is a body that is cut off: the page compares digests.
    pipeline(answer, response, () => answer.destroy())
  } catch (error) {
    if (response.headersSent || response.destroyed) return
    const blocked = error instanceof EgressError && error.reason === 'prohibited'
    response.writeHead(blocked ? 403 : 502, {
      'content-type': 'text/plain; charset=utf-8',
      'x-relay-error': '1',
    })
    response.end(error instanceof Error ? error.message : String(error))
  }
}

async function follow(
  policy: EgressPolicy,
  first: URL,
  method: 'GET' | 'HEAD',
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let url = first
  let sent = { ...headers }
  for (let redirects = 0; ; redirects++) {
    const answer = await send(policy, url, method, sent, signal)
    const { location } = answer.headers
    const status = answer.statusCode ?? 0
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return answer
    answer.destroy()
    if (redirects === REDIRECTS_MAX) throw new Error('the registry redirects too often')
    if (!URL.canParse(location, url)) throw new Error('the registry redirects to no address')
    const next = new URL(location, url)
    if (next.protocol !== 'https:' && next.protocol !== url.protocol) {
      throw new Error(`the registry redirects from ${url.protocol} to ${next.protocol}`)
    }
    // What the page gave is for the registry alone.
    if (next.host !== url.host) {
      const { authorization: _, ...others } = sent
      sent = others
    }
    url = next
  }
}

async function send(
  policy: EgressPolicy,
  url: URL,
  method: 'GET' | 'HEAD',
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:'
  if (!secure && url.protocol !== 'http:') throw new Error(`no registry is at ${url.protocol}`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  const socket = await connectChecked(policy, { host, port }, signal)
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(() => fail(new Error(`${url.host} does not answer`)), TIMEOUT)
    const open = (): Socket =>
      secure ? connectTls({ socket, host, servername: host, ALPNProtocols: ['http/1.1'] }) : socket
    const call = (secure ? httpsRequest : httpRequest)({
      method,
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, host: url.host, connection: 'close' },
      // Without an agent, or it would connect by itself.
      createConnection: open,
      signal,
    })
    call.once('response', (answer) => {
      clearTimeout(timer)
      resolve(answer)
    })
    call.once('error', (error) => {
      clearTimeout(timer)
      fail(error)
    })
    call.end()
  })
}
