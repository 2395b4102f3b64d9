import { createSha256 } from '../codec/sha256.ts'
import type { Digest } from '../core/digest.ts'
import { EngineError } from '../core/error.ts'
import type { BlobReader, BlobStore } from '../ports/blob-store.ts'
import { joinBytes } from '../codec/join-bytes.ts'

/** Blobs that end with the page: for tests, and where the browser keeps nothing. */
export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<Digest, Uint8Array>()

  size(digest: Digest): Promise<number | undefined> {
    return Promise.resolve(this.#blobs.get(digest)?.length)
  }

  async write(
    source: AsyncIterable<Uint8Array>,
    options: { readonly digest?: Digest; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    const { signal } = options
    signal?.throwIfAborted()
    const hash = await createSha256()
    const parts: Uint8Array[] = []
    let size = 0
    for await (const bytes of source) {
      signal?.throwIfAborted()
      hash.update(bytes)
      parts.push(bytes.slice())
      size += bytes.length
    }
    signal?.throwIfAborted()
    const digest = hash.digest()
    checkDigest(digest, options.digest)
    if (!this.#blobs.has(digest)) this.#blobs.set(digest, joinBytes(parts))
    return { digest, size }
  }

  open(digest: Digest): Promise<BlobReader> {
    const blob = this.#blobs.get(digest)
    if (!blob) return Promise.reject(blobNotFound(digest))
    return Promise.resolve({
      size: blob.length,
      read: (offset, length) => blob.subarray(offset, offset + length),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })
  }

  delete(digest: Digest): Promise<void> {
    this.#blobs.delete(digest)
    return Promise.resolve()
  }

  async *list(): AsyncGenerator<{ readonly digest: Digest; readonly size: number }> {
    for (const [digest, { length }] of this.#blobs) yield { digest, size: length }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#blobs.clear()
    return Promise.resolve()
  }
}

export const blobNotFound = (digest: Digest): EngineError =>
  new EngineError('not-found', `blob ${digest} not found`)

/** In containerd's words (core/content, Writer.Commit). */
export function checkDigest(digest: Digest, expected: Digest | undefined): void {
  if (expected === undefined || expected === digest) return
  throw new EngineError(
    'invalid-parameter',
    `unexpected commit digest ${digest}, expected ${expected}: failed precondition`,
  )
}
