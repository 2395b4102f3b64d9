import { Gunzip } from 'fflate'
import { EngineError } from '../core/error.ts'
import { joinBytes } from './join-bytes.ts'

/**
 * Inflate gzip, of many members too (eStargz has one for each piece). Nothing is inflated before it is asked for.
 * @throws EngineError `invalid-parameter` in the stream when it is no gzip, damaged or truncated. Checksums aren't
 *   promised to be looked at: whoever reads checks digests
 */
export function gunzip(source: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const input = new Input(source)
  const pieces = inflate(input)
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await pieces.next()
        if (next.done) controller.close()
        else controller.enqueue(next.value)
      },
      async cancel(reason) {
        // First the source: the generator may be waiting for it.
        await input.cancel(reason)
        await pieces.return()
      },
    },
    { highWaterMark: 0 },
  )
}

/** The source, and whether it is what failed. */
class Input {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  failed = false

  constructor(source: ReadableStream<Uint8Array>) {
    this.#reader = source.getReader()
  }

  /** @returns undefined at the end */
  async next(): Promise<Uint8Array | undefined> {
    try {
      return (await this.#reader.read()).value
    } catch (error) {
      this.failed = true
      throw error
    }
  }

  async cancel(reason?: unknown): Promise<void> {
    await this.#reader.cancel(reason).catch(() => undefined)
  }
}

type Pieces = AsyncGenerator<Uint8Array, void, void>

async function* inflate(input: Input): Pieces {
  try {
    if (await nativeTakesMembers()) yield* nativeInflate(input)
    else yield* scriptInflate(input)
  } catch (error) {
    await input.cancel(error)
    throw input.failed ? error : gzipError(error)
  }
}

function gzipError(cause: unknown): EngineError {
  const truncated = cause instanceof Error && /unexpected e|incomplete/i.test(cause.message)
  const message = truncated ? 'gzip: unexpected EOF' : 'gzip: invalid data'
  return new EngineError('invalid-parameter', message, { cause })
}

async function* nativeInflate(input: Input): Pieces {
  const decompression = new DecompressionStream('gzip')
  const reader = (decompression.readable as ReadableStream<Uint8Array>).getReader()
  const writer = decompression.writable.getWriter()
  const feeding = feed(input, writer)
  // Its failure comes out of the reader, too, but not its own words.
  let feedError: unknown
  feeding.catch((error: unknown) => (feedError = error))
  let ended = false
  try {
    for (;;) {
      const next = await reader.read()
      if (next.done) break
      yield next.value
    }
    ended = true
    await feeding
  } catch (error) {
    ended = true
    throw input.failed ? feedError : error
  } finally {
    if (!ended) {
      await input.cancel()
      await reader.cancel().catch(() => undefined)
    }
  }
}

async function feed(
  input: Input,
  writer: WritableStreamDefaultWriter<BufferSource>,
): Promise<void> {
  try {
    for (;;) {
      await writer.ready
      const bytes = await input.next()
      if (!bytes) break
      // Not awaited: it settles when the piece is inflated, which waits for the reader.
      writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => undefined)
    }
    await writer.close()
  } catch (error) {
    await writer.abort(error).catch(() => undefined)
    throw error
  }
}

/** Input given to fflate at once, in bytes: its output for one piece is held in memory. */
const PIECE = 16_384
/** Header and trailer of the smallest gzip, and an empty block (RFC 1952). */
const SMALLEST = 20

async function* scriptInflate(input: Input): Pieces {
  let ready: Uint8Array[] = []
  /** Of the present member, inflated. */
  let size = 0
  const inflater = new Gunzip((bytes) => {
    size += bytes.length
    if (bytes.length > 0) ready.push(bytes)
  })
  inflater.onmember = () => (size = 0)
  let total = 0
  let trailer: Uint8Array = new Uint8Array()
  for (let bytes = await input.next(); bytes; bytes = await input.next()) {
    total += bytes.length
    trailer = joinBytes([trailer, bytes.subarray(-4)]).subarray(-4)
    for (let at = 0; at < bytes.length; at += PIECE) {
      inflater.push(bytes.subarray(at, at + PIECE))
      const pieces = ready
      ready = []
      yield* pieces
    }
  }
  if (total < SMALLEST) throw new Error('unexpected EOF')
  inflater.push(new Uint8Array(), true)
  yield* ready
  // fflate misses one truncation in ten: where the rest of a symbol's bits is gone.
  const last = new DataView(trailer.buffer, trailer.byteOffset, trailer.length)
  if (last.getUint32(0, true) !== size % 2 ** 32) throw new Error('unexpected EOF')
}

/** Two empty members. Node takes them; Chromium and Firefox call the second junk. */
const TWO_MEMBERS = Uint8Array.from(
  [0, 1].flatMap(() => [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
)
let takesMembers: Promise<boolean> | undefined

function nativeTakesMembers(): Promise<boolean> {
  takesMembers ??= (async () => {
    if (typeof DecompressionStream === 'undefined') return false
    const stream = new Blob([TWO_MEMBERS]).stream().pipeThrough(new DecompressionStream('gzip'))
    return new Response(stream).arrayBuffer().then(
      () => true,
      () => false,
    )
  })()
  return takesMembers
}
