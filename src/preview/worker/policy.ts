import type { HeaderList } from '../../link/preview.ts'
import { redirectTarget, type PreviewOrigin } from './origin.ts'

export interface AnswerContext {
  readonly own: PreviewOrigin
  /** Of the request. */
  readonly path: string
  /** Of the script that is put into the document; undefined when none is. */
  readonly nonce: string | undefined
}

/**
 * An answer's header fields for the preview. It stands in a frame, which X-Frame-Options and `frame-ancestors` may forbid on the
 * web; its script is put into documents, which a CSP must let run; its origin has another name than the server knows.
 */
export function rewriteHeaders(headers: HeaderList, context: AnswerContext): Headers {
  const result = new Headers()
  for (const [name, value] of headers) {
    switch (name) {
      case 'x-frame-options':
      // They are about encrypted names, which the preview's may not be.
      case 'strict-transport-security':
        break
      case 'content-length':
        if (context.nonce === undefined) result.append(name, value)
        break
      case 'content-security-policy':
      case 'content-security-policy-report-only': {
        const policy = relaxPolicy(value, context.nonce)
        if (policy !== '') result.append(name, policy)
        break
      }
      case 'location':
        result.append(name, redirectTarget(value, context.path, context.own))
        break
      default:
        append(result, name, value)
    }
  }
  return result
}

/** A name that the browser keeps for itself is no reason to show nothing. */
function append(headers: Headers, name: string, value: string): void {
  try {
    headers.append(name, value)
  } catch {
    // An invalid name or value.
  }
}

/** The policies of a field (CSP 3, 2.2), each without what concerns frames and encryption, and with the script of the nonce. */
export function relaxPolicy(field: string, nonce: string | undefined): string {
  return field
    .split(',')
    .map((policy) => relaxOne(policy, nonce))
    .filter((policy) => policy !== '')
    .join(', ')
}

const DROPPED = new Set(['frame-ancestors', 'upgrade-insecure-requests', 'block-all-mixed-content'])

function relaxOne(policy: string, nonce: string | undefined): string {
  const directives = policy
    .split(';')
    .map((directive) => directive.trim().split(/\s+/))
    .filter(([name = '']) => name !== '' && !DROPPED.has(name.toLowerCase()))
  const named = (wanted: string): string[] | undefined =>
    directives.find(([name = '']) => name.toLowerCase() === wanted)
  // CSP 3, 6.7.1: scripts fall back from `script-src-elem` to `script-src` to `default-src`.
  const scripts = named('script-src-elem') ?? named('script-src')
  const fallback = named('default-src')
  if (nonce !== undefined) {
    if (scripts) allow(scripts, nonce)
    else if (fallback) {
      // A nonce in `default-src` would count for styles, too.
      const copy = ['script-src', ...fallback.slice(1)]
      allow(copy, nonce)
      directives.push(copy)
    }
  }
  return directives.map((directive) => directive.join(' ')).join('; ')
}

function allow(directive: string[], nonce: string): void {
  const sources = directive.slice(1)
  const isOpen =
    sources.includes("'unsafe-inline'") &&
    !sources.some((source) => /^'(nonce-|sha\d+-|strict-dynamic')/.test(source))
  // A nonce would switch 'unsafe-inline' off (CSP 3, 6.7.3.2).
  if (isOpen) return
  const none = directive.findIndex((source) => source.toLowerCase() === "'none'")
  if (none > 0) directive.splice(none, 1)
  directive.push(`'nonce-${nonce}'`)
}
