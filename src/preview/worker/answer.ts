import type { PreviewCookie } from '../../link/preview.ts'
import { insertScript, withScript } from './document-stream.ts'
import type { AnswerHead } from './engine-link.ts'
import type { PreviewOrigin } from './origin.ts'
import { rewriteHeaders } from './policy.ts'

/** The shim's text, put in by the build (src/preview/frame/shim.ts). */
declare const SHIM: string

export interface AnswerOptions {
  readonly own: PreviewOrigin
  readonly path: string
  /** It becomes a page. */
  readonly isDocument: boolean
}

/** A server's answer as the browser gets it. */
export function answerOf(
  head: AnswerHead,
  body: ReadableStream<Uint8Array> | null,
  { own, path, isDocument }: AnswerOptions,
): Response {
  const field = (name: string): string =>
    head.headers.find(([candidate]) => candidate === name)?.[1] ?? ''
  const isHtml = /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(field('content-type'))
  const isSaved = /^\s*attachment\b/i.test(field('content-disposition'))
  const coding = field('content-encoding').trim().toLowerCase()
  const nonce =
    (body ?? head.whole) && isDocument && isHtml && !isSaved
      ? btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(12))))
      : undefined
  const headers = rewriteHeaders(head.headers, { own, path, nonce })
  const unpacked = codings[coding]
  const whole = unpacked ? undefined : head.whole
  let stream = whole ? null : (body ?? (head.whole ? new Response(head.whole).body : null))
  if (stream && unpacked) {
    // The browser unpacks what comes from the network, not what comes from here.
    headers.delete('content-encoding')
    headers.delete('content-length')
    stream = stream.pipeThrough(
      new DecompressionStream(unpacked) as TransformStream<Uint8Array, Uint8Array>,
    )
  }
  const added = nonce === undefined ? '' : script(nonce, own, head.cookies)
  if (stream && added !== '') stream = stream.pipeThrough(insertScript(added))
  const bytes = whole && added !== '' ? withScript(new Uint8Array(whole), added) : whole
  // Fetch, 6.4: a Response of these may have no body.
  const isBare = head.status === 204 || head.status === 205 || head.status === 304
  if (isBare) void stream?.cancel()
  return new Response(isBare ? null : (bytes ?? stream), {
    status: head.status > 599 ? 502 : head.status,
    statusText: /^[\t\u{20}-\u{7e}\u{80}-\u{ff}]*$/u.test(head.reason) ? head.reason : '',
    headers,
  })
}

const codings: Readonly<Record<string, CompressionFormat>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
}

function script(nonce: string, own: PreviewOrigin, cookies: readonly PreviewCookie[]): string {
  const settings = JSON.stringify({ port: own.port, cookies })
  const attribute = settings.replaceAll(/[&"<>]/g, (letter) => `&#${letter.charCodeAt(0)};`)
  return `<script nonce="${nonce}" data-preview="${attribute}">${SHIM}</script>`
}
