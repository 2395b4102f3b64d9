import { Decompress } from 'fzstd'
import type * as xz from 'xz-decompress'
import { EngineError } from '../core/error.ts'
import { bunzip2 } from './bunzip2.ts'
import { gunzip } from './gunzip.ts'

export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd'

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
]
const MAGIC_MAX = 6

/** By the first bytes (moby pkg/archive, DetectCompression). */
export const compressionOf = (head: Uint8Array): Compression | undefined =>
  MAGIC.find(([, magic]) => magic.every((byte, at) => head[at] === byte))?.[0]

/**
 * Plain bytes, whatever they were compressed with; those that weren't pass.
 * @throws EngineError `invalid-parameter` in the stream when they are damaged or truncated
 */
export async function decompressed(
  stream: ReadableStream<Uint8Array>,
): Promise<ReadableStream<Uint8Array>> {
  const reader = stream.getReader()
  const first: Uint8Array[] = []
  const head = new Uint8Array(MAGIC_MAX)
  let length = 0
  while (length < MAGIC_MAX) {
    const { done, value } = await reader.read()
    if (done) break
    head.set(value.subarray(0, MAGIC_MAX - length), length)
    length += value.length
    first.push(value)
  }
  const whole = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        for (const bytes of first) controller.enqueue(bytes)
      },
      pull: async (controller) => {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 1 },
  )
  const kind = compressionOf(head.subarray(0, length))
  switch (kind) {
    case undefined:
      return whole
    case 'gzip':
      return gunzip(whole)
    case 'bzip2':
      return pulled(bunzip2(whole))
    case 'zstd':
      return pulled(unzstd(whole))
    case 'xz':
      return pulled(unxz(whole))
  }
}

/** Input given to the decoder at once, in bytes: its output for one piece is held in memory. */
const PIECE = 16_384

async function* unzstd(source: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = []
  const decoder = new Decompress((bytes) => {
    if (bytes.length > 0) ready.push(bytes)
  })
  const push = (bytes: Uint8Array, final: boolean): readonly Uint8Array[] => {
    try {
      decoder.push(bytes, final)
    } catch (error) {
      throw corrupt('zstd', error)
    }
    const pieces = ready
    ready = []
    return pieces
  }
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length; at += PIECE) {
      yield* push(bytes.slice(at, at + PIECE), false)
    }
  }
  yield* push(new Uint8Array(), true)
}

async function* unxz(source: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let failure: unknown
  const reader = source.getReader()
  const watched = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          failure = error
          throw error
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  const { XzReadableStream } = await xzLibrary()
  const plain = new XzReadableStream(watched).getReader()
  let isOver = false
  try {
    for (;;) {
      const { done, value } = await plain.read()
      if (done) break
      if (value.length > 0) yield value
    }
    isOver = true
  } catch (error) {
    isOver = true
    throw failure instanceof Error ? failure : corrupt('xz', error)
  } finally {
    // It throws when it has come to its end, but was not read so far.
    if (!isOver) await plain.cancel().catch(() => undefined)
  }
}

/** A CommonJS module with its WebAssembly in it: fetched when it is needed, and seen as its default where Node loads it. */
async function xzLibrary(): Promise<Pick<typeof xz, 'XzReadableStream'>> {
  const module = await import('xz-decompress')
  const { default: whole } = module as unknown as { default?: typeof xz }
  return whole ?? module
}

function corrupt(kind: Compression, cause: unknown): EngineError {
  const truncated = cause instanceof Error && /unexpected e/i.test(cause.message)
  const message = `${kind}: ${truncated ? 'unexpected EOF' : 'invalid data'}`
  return new EngineError('invalid-parameter', message, { cause })
}

function pulled(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await pieces.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      cancel: async () => void (await pieces.return(undefined)),
    },
    { highWaterMark: 0 },
  )
}
