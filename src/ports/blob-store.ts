import type { Digest } from '../core/digest.ts'
import type { ContentSource } from '../core/layer.ts'

/** A stored blob for random access. Disposing frees its handle. */
export interface BlobReader extends ContentSource, AsyncDisposable {
  readonly size: number
}

/** Content-addressed bytes: manifests, configs and layers as plain tar (named by diff ID). Whoever creates a store disposes it. */
export interface BlobStore extends AsyncDisposable {
  /** Size in bytes, or undefined when absent. */
  size(digest: Digest): Promise<number | undefined>
  /**
   * Store a blob whole or not at all; storing what is there already only checks the bytes.
   * @param options.digest what the bytes must hash to; without it the digest is computed
   * @throws EngineError `invalid-parameter` when the bytes hash to something else; `unavailable` when the store is full
   */
  write(
    source: AsyncIterable<Uint8Array>,
    options?: { readonly digest?: Digest; readonly signal?: AbortSignal },
  ): Promise<{ readonly digest: Digest; readonly size: number }>
  /** @throws EngineError `not-found` when the blob is absent */
  open(digest: Digest): Promise<BlobReader>
  /** Absent blobs are no error. Open readers of it may fail afterwards. */
  delete(digest: Digest): Promise<void>
  list(): AsyncIterable<{ readonly digest: Digest; readonly size: number }>
}
