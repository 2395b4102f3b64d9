import { decompressed } from '../../codec/decompress.ts'
import { mergeLayers } from '../../codec/layer-merge.ts'
import { readTar } from '../../codec/tar/read.ts'
import { EngineError } from '../../core/error.ts'
import type { ContentSource, LayerEntry, RootfsNode } from '../../core/layer.ts'
import type { BlobStore } from '../../ports/blob-store.ts'

/** Bytes of a context that stay in memory; a larger one goes through the store. */
const MEMORY_MAX = 96 * 1024 * 1024

/** A build's input, readable until it is disposed. */
export interface ContextInput extends AsyncDisposable {
  readonly root: RootfsNode
  /** Of the plain archive. */
  readonly bytes: number
  /** Its files stay readable for as long as anybody holds them. */
  readonly inMemory: boolean
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
  const plain = await decompressed(archive)
  const reader = plain.getReader()
  const kept: Uint8Array[] = []
  let length = 0
  for (;;) {
    signal.throwIfAborted()
    const { done, value } = await reader.read()
    if (done) {
      const entries = await list(once(kept))
      const source = memorySource(kept)
      return {
        ...open(entries, source),
        bytes: length,
        inMemory: true,
        [Symbol.asyncDispose]: nothing,
      }
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
    return {
      ...open(entries, blob),
      bytes: stored.size,
      inMemory: false,
      [Symbol.asyncDispose]: dispose,
    }
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

/** The pieces as they came: each read is within one, or joined. */
function memorySource(chunks: readonly Uint8Array[]): ContentSource {
  const starts: number[] = []
  let length = 0
  for (const chunk of chunks) {
    starts.push(length)
    length += chunk.length
  }
  const indexOf = (offset: number): number => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
  return {
    read: (offset, size) => {
      let at = indexOf(offset)
      const within = offset - (starts[at] ?? 0)
      const first = chunks[at] ?? new Uint8Array()
      if (within + size <= first.length) return first.subarray(within, within + size)
      const whole = new Uint8Array(Math.max(0, Math.min(size, length - offset)))
      let filled = 0
      for (let from = within; filled < whole.length; from = 0, at++) {
        const piece = (chunks[at] ?? new Uint8Array()).subarray(from, from + whole.length - filled)
        whole.set(piece, filled)
        filled += piece.length
      }
      return whole
    },
  }
}
