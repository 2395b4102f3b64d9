import type { BytesReader, BytesSource } from '../../link/guest-files.ts'

/** More is no text that one edits here, in bytes. */
export const TEXT_MAX: number = 2 * 1024 * 1024
/** Bytes that go to the machine at once. */
const PIECE = 1024 * 1024

export type FileText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary' }
  | { readonly kind: 'large' }

/** A file's text, if it is some: UTF-8 without a zero byte. Reads no more than it needs to know. */
export async function readText(reader: BytesReader): Promise<FileText> {
  // A mark at the start stays where it is, so that a save changes nothing else.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  let size = 0
  try {
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      size += bytes.length
      if (size > TEXT_MAX) return { kind: 'large' }
      if (bytes.includes(0)) return { kind: 'binary' }
      const piece = decoded(decoder, bytes)
      if (piece === undefined) return { kind: 'binary' }
      text += piece
    }
  } finally {
    await reader.close()
  }
  const end = decoded(decoder)
  return end === undefined ? { kind: 'binary' } : { kind: 'text', text: text + end }
}

function decoded(decoder: TextDecoder, bytes?: Uint8Array): string | undefined {
  try {
    return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** A text or a visitor's file, piece by piece. */
export function sourceOf(content: string | Blob): BytesSource {
  const blob = typeof content === 'string' ? new Blob([content]) : content
  let at = 0
  return {
    next: async () => {
      if (at >= blob.size) return undefined
      const piece = blob.slice(at, at + PIECE)
      at += PIECE
      return new Uint8Array(await piece.arrayBuffer())
    },
  }
}

/** A file as a download. */
export async function blobOf(reader: BytesReader): Promise<Blob> {
  const parts: BlobPart[] = []
  try {
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      parts.push(new Blob([Uint8Array.from(bytes)]))
    }
  } finally {
    await reader.close()
  }
  return new Blob(parts, { type: 'application/octet-stream' })
}
