import type { ByteReader } from './byte-reader.ts'
import { malformed, type Headers } from './head.ts'

/** Largest piece handed on at once, in bytes. */
const PIECE = 64 * 1024

/** How a message's end is told (RFC 9112, 6.3). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'until-close' }

/**
 * @throws EngineError `invalid-parameter` on lengths that can't be or codings other than `chunked`
 */
export function framingOf(headers: Headers, otherwise: 'none' | 'until-close'): Framing {
  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked')
      throw malformed(`unsupported transfer encoding ${coding}`)
    // RFC 9112, 6.3: both together are a smuggling attempt.
    if (headers['content-length'] !== undefined) throw malformed('both length and chunked')
    return { kind: 'chunked' }
  }
  const text = headers['content-length']
  if (text === undefined) return { kind: otherwise }
  const length = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(length)) throw malformed(`bad Content-Length ${JSON.stringify(text)}`)
  return length === 0 ? { kind: 'none' } : { kind: 'length', length }
}

/** The body's bytes; the generator ends after the last byte and leaves the reader behind it. */
export async function* bodyBytes(reader: ByteReader, framing: Framing): AsyncGenerator<Uint8Array> {
  switch (framing.kind) {
    case 'none':
      return
    case 'length':
      yield* exactly(reader, framing.length)
      return
    case 'until-close':
      for (let bytes = await reader.readSome(PIECE); bytes; bytes = await reader.readSome(PIECE)) {
        yield bytes
      }
      return
    case 'chunked':
      yield* chunks(reader)
  }
}

async function* exactly(reader: ByteReader, length: number): AsyncGenerator<Uint8Array> {
  let left = length
  while (left > 0) {
    const bytes = await reader.readSome(Math.min(left, PIECE))
    if (bytes === undefined) throw malformed('unexpected EOF')
    left -= bytes.length
    yield bytes
  }
}

/** RFC 9112, 7.1. */
async function* chunks(reader: ByteReader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const line = await reader.readLine(1024)
    const size = /^([0-9a-fA-F]{1,12})\s*(;.*)?$/.exec(line)?.[1]
    if (size === undefined) throw malformed('malformed chunked encoding')
    const length = Number.parseInt(size, 16)
    if (length === 0) break
    yield* exactly(reader, length)
    if ((await reader.readLine(2)) !== '') throw malformed('malformed chunked encoding')
  }
  // Trailer fields are read and dropped.
  for (let fields = 0; (await reader.readLine(8192)) !== ''; fields++) {
    if (fields > 100) throw malformed('too many trailer fields')
  }
}

const encoder = new TextEncoder()

/** One chunk of the chunked coding; of no bytes: nothing, as that would end the body. */
export function encodeChunk(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes
  const head = encoder.encode(`${bytes.length.toString(16)}\r\n`)
  const chunk = new Uint8Array(head.length + bytes.length + 2)
  chunk.set(head)
  chunk.set(bytes, head.length)
  chunk.set([13, 10], head.length + bytes.length)
  return chunk
}

export const LAST_CHUNK: Uint8Array = encoder.encode('0\r\n\r\n')
