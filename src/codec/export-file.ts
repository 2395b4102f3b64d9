import { EngineError } from '../core/error.ts'
import { createSha256, type Sha256 } from './sha256.ts'

/** First bytes of the file. A transfer that takes it for text changes the last two. */
const MAGIC = 'DRYDOCK EXPORT\r\n'
/** Version of what follows; the schema of what is in it is in the head. */
export const EXPORT_FORMAT = 1
/** Bytes of a frame's payload at most; what is larger is no export. */
const PAYLOAD_MAX = 16 << 20
const HEADER = 8

/** Kinds of frames (docs/stores.md). */
export const frameKind = {
  /** JSON, first: format, schema, sizes */
  head: 1,
  /** JSON: `[[kind, key, value], …]` */
  records: 2,
  /** JSON: digest and size of a blob, whose bytes follow in `data` */
  blob: 3,
  data: 4,
  /** JSON: a container and some entries of its log */
  log: 5,
  /** number of a block (u32), then blocks one after the other */
  blocks: 6,
  /** SHA-256 of all before it, last */
  end: 7,
} as const

export interface Frame {
  readonly kind: number
  readonly payload: Uint8Array
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** @returns the same frames with an end, as the bytes of a file */
export async function* encodeExport(
  frames: AsyncIterable<Frame>,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = await createSha256()
  const magic = encoder.encode(MAGIC)
  hash.update(magic)
  yield magic
  for await (const { kind, payload } of frames) {
    const header = headerOf(kind, payload.length)
    hash.update(header)
    hash.update(payload)
    yield header
    yield payload
  }
  const sum = bytesOf(hash)
  yield headerOf(frameKind.end, sum.length)
  yield sum
}

function headerOf(kind: number, length: number): Uint8Array {
  const header = new Uint8Array(HEADER)
  const view = new DataView(header.buffer)
  view.setUint32(0, kind, true)
  view.setUint32(4, length, true)
  return header
}

function bytesOf(hash: Sha256): Uint8Array {
  const hex = hash.digest().slice('sha256:'.length)
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}

/**
 * The frames of a file but for its end. When it returns, the whole file was read and its checksum is right; until then
 * nothing that was in it may count.
 * @throws EngineError `invalid-parameter` for what is no export, is cut short, damaged, or of a newer version
 */
export async function* decodeExport(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Frame, void, void> {
  const hash = await createSha256()
  const reader = new Pieces(source)
  const magic = await reader.take(MAGIC.length)
  if (!magic || decoder.decode(magic) !== MAGIC)
    throw invalid('The file is no export of a Drydock playground.')
  hash.update(magic)
  for (let first = true; ; first = false) {
    const header = await reader.take(HEADER)
    if (!header) throw cutShort()
    const view = new DataView(header.buffer, header.byteOffset)
    const [kind, length] = [view.getUint32(0, true), view.getUint32(4, true)]
    if (length > PAYLOAD_MAX || kind < 1 || kind > frameKind.end) throw damaged()
    const payload = await reader.take(length)
    if (!payload) throw cutShort()
    if (first !== (kind === frameKind.head)) throw damaged()
    if (kind === frameKind.end) {
      const sum = bytesOf(hash)
      if (length !== sum.length || sum.some((byte, at) => byte !== payload[at])) throw damaged()
      if (await reader.take(1)) throw damaged()
      return
    }
    hash.update(header)
    hash.update(payload)
    yield { kind, payload }
  }
}

/** Bytes of a stream, as many at a time as one wants. */
class Pieces {
  readonly #source: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** @returns undefined at the end, also before so many have come */
  async take(length: number): Promise<Uint8Array | undefined> {
    const taken = new Uint8Array(length)
    for (let at = 0; at < length;) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#source.next()
        if (done) return undefined
        this.#rest = value
        continue
      }
      const part = this.#rest.subarray(0, length - at)
      taken.set(part, at)
      this.#rest = this.#rest.subarray(part.length)
      at += part.length
    }
    return taken
  }
}

const invalid = (message: string): EngineError => new EngineError('invalid-parameter', message)

const cutShort = (): EngineError =>
  invalid('The file is cut short: its end is missing. Copy or download it again.')

export const damaged = (): EngineError =>
  invalid('The file is damaged: its checksum is wrong. Copy or download it again.')
