import { CHUNK_MAX } from '../../link/preview.ts'

/** Largest body of a request, in bytes: Firefox gives none before it has all. */
const UPLOAD_MAX = 268_435_456

/** A request's body with its length, which most servers want to know first, as browsers tell it. */
export interface Upload {
  readonly length: number
  readonly chunks: () => AsyncGenerator<ArrayBuffer>
}

export class UploadTooLarge extends Error {
  constructor() {
    super(`The preview carries uploads of at most ${UPLOAD_MAX / 1_048_576} MB.`)
  }
}

/** @throws UploadTooLarge */
export async function uploadOf(request: Request): Promise<Upload | undefined> {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  // Chromium gives a stream, null when there is no body; Firefox has no such property.
  const stream = request.body as ReadableStream<Uint8Array> | null | undefined
  if (stream === null) return undefined
  const blob = stream === undefined ? await request.blob() : await readAll(stream)
  if (blob.size > UPLOAD_MAX) throw new UploadTooLarge()
  if (blob.size === 0) return undefined
  return {
    length: blob.size,
    chunks: async function* () {
      for (let at = 0; at < blob.size; at += CHUNK_MAX) {
        yield await blob.slice(at, at + CHUNK_MAX).arrayBuffer()
      }
    },
  }
}

/** Into a blob, which the browser may keep on its disk. */
async function readAll(stream: ReadableStream<Uint8Array>): Promise<Blob> {
  const parts: Blob[] = []
  let pending: Uint8Array<ArrayBuffer>[] = []
  let pendingBytes = 0
  let size = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.length
    if (size > UPLOAD_MAX) {
      void reader.cancel().catch(() => undefined)
      throw new UploadTooLarge()
    }
    pending.push(value as Uint8Array<ArrayBuffer>)
    pendingBytes += value.length
    if (pendingBytes >= 4_194_304) {
      parts.push(new Blob(pending))
      pending = []
      pendingBytes = 0
    }
  }
  return new Blob([...parts, ...pending])
}
