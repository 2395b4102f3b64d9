import { EngineError } from '../../core/error.ts'

/** Largest start line plus header fields, in bytes (Go's net/http allows 1 MiB; Docker's clients send about 1 KiB). */
export const HEAD_MAX = 65_536

export type Headers = Readonly<Record<string, string>>

export interface RequestHead {
  readonly method: string
  readonly target: string
  readonly version: '1.0' | '1.1'
  readonly headers: Headers
}

export interface ResponseHead {
  readonly version: '1.0' | '1.1'
  readonly status: number
  readonly reason: string
  readonly headers: Headers
}

const decoder = new TextDecoder('latin1')
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Where the head ends: the offset after the empty line, or -1 when it isn't complete. */
export function headEnd(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 10) continue
    // RFC 9112, 2.2: a lone LF may be taken as a line's end.
    if (bytes[at + 1] === 10) return at + 2
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3
  }
  return -1
}

/**
 * Header fields (RFC 9112, 5). Names come in lower case, repeated fields joined by a comma; Set-Cookie, whose values hold
 * commas (RFC 9110, 5.3), by a line feed.
 * @throws EngineError `invalid-parameter` on a malformed or folded line
 */
function parseFields(lines: readonly string[]): Headers {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    if (!TOKEN.test(name)) throw malformed(`malformed header line ${JSON.stringify(line)}`)
    const key = name.toLowerCase()
    const value = line.slice(colon + 1).trim()
    const known = headers[key]
    if (known !== undefined && (key === 'content-length' || key === 'transfer-encoding')) {
      throw malformed(`repeated ${name} header`)
    }
    headers[key] =
      known === undefined ? value : `${known}${key === 'set-cookie' ? '\n' : ', '}${value}`
  }
  return headers
}

function linesOf(bytes: Uint8Array): { readonly first: string; readonly rest: readonly string[] } {
  const lines = decoder
    .decode(bytes)
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => line !== '')
  return { first: lines[0] ?? '', rest: lines.slice(1) }
}

/**
 * A request's head (RFC 9112, 3).
 * @throws EngineError `invalid-parameter`
 */
export function parseRequestHead(bytes: Uint8Array): RequestHead {
  const { first, rest } = linesOf(bytes)
  const match = /^(\S+) (\S+) HTTP\/1\.([01])$/.exec(first)
  const [, method, target, minor] = match ?? []
  if (method === undefined || target === undefined || !TOKEN.test(method)) {
    throw malformed(`malformed HTTP request ${JSON.stringify(first.slice(0, 100))}`)
  }
  return { method, target, version: minor === '0' ? '1.0' : '1.1', headers: parseFields(rest) }
}

/**
 * A response's head (RFC 9112, 4).
 * @throws EngineError `invalid-parameter`
 */
export function parseResponseHead(bytes: Uint8Array): ResponseHead {
  const { first, rest } = linesOf(bytes)
  const match = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(first)
  const [, minor, status, reason] = match ?? []
  if (status === undefined) {
    throw malformed(`malformed HTTP response ${JSON.stringify(first.slice(0, 100))}`)
  }
  const version = minor === '0' ? '1.0' : '1.1'
  return { version, status: Number(status), reason: reason ?? '', headers: parseFields(rest) }
}

/** Bytes of a head: the start line, the fields as given, and the empty line. */
export function formatHead(start: string, headers: Headers): Uint8Array {
  let text = `${start}\r\n`
  for (const [name, value] of Object.entries(headers)) {
    // A line break in a value would let a value add fields.
    text += `${canonicalName(name)}: ${value.replaceAll(/[\r\n]+/g, ' ')}\r\n`
  }
  return new TextEncoder().encode(`${text}\r\n`)
}

/** `content-type` → `Content-Type`, as Go's servers write it. */
const canonicalName = (name: string): string =>
  name.replaceAll(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())

export const malformed = (message: string): EngineError =>
  new EngineError('invalid-parameter', message)
