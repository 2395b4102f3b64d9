import { mergeLayers } from '../../codec/layer-merge.ts'
import { readTar } from '../../codec/tar/read.ts'
import { EngineError } from '../../core/error.ts'
import type { ContentSource, LayerEntry, RootfsNode } from '../../core/layer.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import { inflated } from '../images/layer-import.ts'

/** Bytes of a context that stay in memory; a larger one goes through the store. */
const MEMORY_MAX = 32 * 1024 * 1024

/** A build's input, readable until it is disposed. */
export interface ContextInput extends AsyncDisposable {
  readonly root: RootfsNode
  /** Of the plain archive. */
  readonly bytes: number
}

/**
 * Read the tar of a context to its end.
 * @throws EngineError `invalid-parameter` when it is damaged
 */
export async function readContext(
  archive: ReadableStream<Uint8Array>,
  blobs: BlobStore,
  signal: AbortSignal,
): Promise<ContextInput> {
  const plain = await inflated(archive)
  const reader = plain.getReader()
  const kept: Uint8Array[] = []
  let length = 0
  for (;;) {
    signal.throwIfAborted()
    const { done, value } = await reader.read()
    if (done) {
      const entries = await list(once(kept))
      const source = memorySource(kept, length)
      return { ...open(entries, source), bytes: length, [Symbol.asyncDispose]: nothing }
    }
    kept.push(value)
    length += value.length
    if (length > MEMORY_MAX) break
  }
  const rest = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield* kept
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      length += value.length
      yield value
    }
  }
  const stored = await blobs.write(rest(), { signal })
  const blob = await blobs.open(stored.digest)
  const dispose = async (): Promise<void> => {
    await blob[Symbol.asyncDispose]()
    await blobs.delete(stored.digest)
  }
  try {
    const entries = await list(chunksOf(blob, stored.size))
    return { ...open(entries, blob), bytes: stored.size, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

const nothing = (): Promise<void> => Promise.resolve()

/** A whiteout's name is a name like others in a context. */
const open = (
  entries: readonly LayerEntry[],
  source: ContentSource,
): { readonly root: RootfsNode } => ({ root: mergeLayers([{ entries, source }]) })

async function list(chunks: AsyncIterable<Uint8Array>): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = []
  try {
    for await (const entry of readTar(chunks)) entries.push(entry)
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause
    throw new EngineError('invalid-parameter', `Error processing tar file: ${cause.message}`, {
      cause,
    })
  }
  return entries
}

async function* once(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks
}

/** 1 MiB at a time. */
async function* chunksOf(
  source: ContentSource,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const step = 1024 * 1024
  for (let at = 0; at < size; at += step) yield await source.read(at, Math.min(step, size - at))
}

function memorySource(chunks: Uint8Array[], length: number): ContentSource {
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return { read: (offset, size) => whole.subarray(offset, offset + size) }
}
