import { decompressed } from '../../codec/decompress.ts'
import { createSha256 } from '../../codec/sha256.ts'
import { readTar } from '../../codec/tar/read.ts'
import type { Digest } from '../../core/digest.ts'
import { EngineError } from '../../core/error.ts'
import type { LayerEntry } from '../../core/layer.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import { encodeIndex } from '../../codec/layer-index.ts'
import type { StoredLayer } from './image.ts'

export interface LayerSource {
  /** What the plain tar must hash to, where that is known before. */
  readonly diffId?: Digest
  /** What the bytes as they come, compressed or not, must hash to, where that is known before. */
  readonly digest?: Digest
  readonly size?: number
  /** Made by the engine itself: a plain tar, with nothing to hold it against. */
  readonly own?: true
  open(signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
  /** Called with the length of each piece that has come. */
  onBytes?(length: number): Promise<void>
  /** Called when all bytes have come and are what the digest promised. */
  onVerified?(): Promise<void>
}

/**
 * Fetch, check, inflate, index and store a layer in one pass. Nothing is stored when anything is wrong.
 * @throws EngineError in Docker's words
 */
export async function importLayer(
  blobs: BlobStore,
  source: LayerSource,
  signal: AbortSignal,
): Promise<StoredLayer> {
  const bytes = await source.open(signal)
  const checked = source.own ? undefined : new CheckedStream(bytes, source, await createSha256())
  const entries: LayerEntry[] = []
  let index: Promise<{ readonly digest: Digest }> | undefined
  const write = async (): Promise<Digest> => {
    const plain = checked ? await decompressed(checked.stream) : bytes
    const expected = { ...(source.diffId && { digest: source.diffId }), signal }
    // What the engine has made itself can't turn out to be wrong: its index is stored while the layer is made durable.
    const whole = indexed(plain, entries, checked, () => {
      if (source.own) index = blobs.write(once(encodeIndex(entries)), { signal })
      index?.catch(() => undefined)
    })
    return (await blobs.write(whole, expected)).digest
  }
  const diffId = await write().catch((error: unknown) => {
    signal.throwIfAborted()
    throw explain(error, source.digest, checked)
  })
  const stored = await (index ?? blobs.write(once(encodeIndex(entries)), { signal })).catch(
    async (error: unknown) => {
      await blobs.delete(diffId)
      throw error
    },
  )
  let size = 0
  for (const entry of entries) size += entry.size
  return { diffId, digest: checked?.digest ?? diffId, index: stored.digest, size }
}

/** What exactly is wrong with bytes that aren't what was promised, is of no interest. */
function explain(
  error: unknown,
  digest: Digest | undefined,
  checked: CheckedStream | undefined,
): unknown {
  if (!(error instanceof EngineError) || error.code !== 'invalid-parameter') return error
  const message =
    checked?.digest || digest === undefined
      ? /^(archive\/tar|gzip|bzip2|xz|zstd)/.test(error.message)
        ? `failed to register layer: ${error.message}`
        : "layers from manifest don't match image configuration"
      : `filesystem layer verification failed for digest ${digest}`
  return new EngineError('internal', message, { cause: error })
}

/** Passes bytes on and holds them against a digest and a size; fails at the end when they differ. */
class CheckedStream {
  readonly stream: ReadableStream<Uint8Array>
  /** Of all bytes, once they have come and are what was promised. */
  digest: Digest | undefined

  constructor(
    bytes: ReadableStream<Uint8Array>,
    source: LayerSource,
    hash: Awaited<ReturnType<typeof createSha256>>,
  ) {
    const reader = bytes.getReader()
    const mismatch = (): EngineError =>
      new EngineError('invalid-parameter', `${source.digest ?? 'the layer'} is not what came`)
    let length = 0
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read()
          if (done) {
            const digest = hash.digest()
            if (length !== (source.size ?? length) || digest !== (source.digest ?? digest)) {
              throw mismatch()
            }
            this.digest = digest
            await source.onVerified?.()
            controller.close()
            return
          }
          length += value.length
          if (length > (source.size ?? length)) {
            await reader.cancel().catch(() => undefined)
            throw mismatch()
          }
          hash.update(value)
          await source.onBytes?.(value.length)
          controller.enqueue(value)
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
  }
}

/** The same bytes, whose tar members are listed along the way. Ends when both are done, and are what was promised. */
async function* indexed(
  plain: ReadableStream<Uint8Array>,
  entries: LayerEntry[],
  checked: CheckedStream | undefined,
  done: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  writer.closed.catch(() => undefined)
  const listing = (async () => {
    for await (const entry of readTar(readable)) entries.push(entry)
  })()
  listing.catch(() => undefined)
  try {
    for await (const chunk of plain) {
      // A reader that gave up tells why below.
      await writer.write(chunk).catch(() => listing)
      yield chunk
    }
    await writer.close().catch(() => undefined)
    await listing
    if (checked && checked.digest === undefined)
      throw new EngineError('invalid-parameter', 'gzip: unexpected end')
    done()
  } finally {
    await writer.abort().catch(() => undefined)
  }
}

/** Bytes as a source for the store. */
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
