import { EngineError } from '../core/error.ts'
import { FRAME_HEADER_SIZE, FRAME_MAX, frameKind, type FrameKind } from '../core/guest-protocol.ts'

export interface Frame {
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

const kinds = new Map<number, FrameKind>(
  Object.entries(frameKind).map(([kind, number]) => [number, kind as FrameKind]),
)

/** Largest payload of the kinds that have less than FRAME_MAX. */
const limits: Partial<Record<FrameKind, number>> = {
  ping: 64,
  pong: 64,
  'output-end': 1,
  'stdin-end': 0,
  end: 0,
}

const broken = (what: string) =>
  new EngineError('unavailable', `guestd broke the protocol: ${what}`)

export function encodeFrame(kind: FrameKind, payload: Uint8Array): Uint8Array {
  if (payload.length > (limits[kind] ?? FRAME_MAX)) {
    throw new EngineError(
      'invalid-parameter',
      `A ${kind} frame of ${payload.length} bytes is too large`,
    )
  }
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + payload.length)
  new DataView(bytes.buffer).setUint32(0, payload.length, true)
  bytes[4] = frameKind[kind]
  bytes.set(payload, FRAME_HEADER_SIZE)
  return bytes
}

/** Cuts a byte stream into frames. Holds one frame at most; a length is checked before anything is kept for it. */
export class FrameParser {
  #chunk: Uint8Array = new Uint8Array(0)
  #offset = 0
  readonly #header = new Uint8Array(FRAME_HEADER_SIZE)
  #headerLength = 0
  #kind: FrameKind | undefined
  #payload: Uint8Array | undefined
  #payloadLength = 0
  #expected = 0

  /** Whether the stream ends within a frame when nothing follows. */
  get partial(): boolean {
    return this.#headerLength > 0 || this.#offset < this.#chunk.length
  }

  /** The chunk before must have been used up: `next` gave undefined. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#offset = 0
  }

  /**
   * @returns the next frame, its payload perhaps a view of the chunk; undefined when more bytes are needed
   * @throws EngineError `unavailable` for bytes that are no frame; the stream is of no use then
   */
  next(): Frame | undefined {
    if (this.#kind === undefined && !this.#readHeader()) return undefined
    const kind = this.#kind as FrameKind
    const left = this.#chunk.length - this.#offset
    if (!this.#payload && left >= this.#expected) {
      const payload = this.#chunk.subarray(this.#offset, this.#offset + this.#expected)
      this.#offset += this.#expected
      return this.#finish(kind, payload)
    }
    this.#payload ??= new Uint8Array(this.#expected)
    const part = Math.min(left, this.#expected - this.#payloadLength)
    this.#payload.set(this.#chunk.subarray(this.#offset, this.#offset + part), this.#payloadLength)
    this.#offset += part
    this.#payloadLength += part
    return this.#payloadLength === this.#expected ? this.#finish(kind, this.#payload) : undefined
  }

  #finish(kind: FrameKind, payload: Uint8Array): Frame {
    this.#kind = undefined
    this.#payload = undefined
    this.#payloadLength = 0
    this.#headerLength = 0
    return { kind, payload }
  }

  #readHeader(): boolean {
    const header = this.#header
    const part = Math.min(FRAME_HEADER_SIZE - this.#headerLength, this.#chunk.length - this.#offset)
    header.set(this.#chunk.subarray(this.#offset, this.#offset + part), this.#headerLength)
    this.#offset += part
    this.#headerLength += part
    if (this.#headerLength < FRAME_HEADER_SIZE) return false
    const length = new DataView(header.buffer).getUint32(0, true)
    const kind = kinds.get(header[4] ?? 0)
    if (kind === undefined) throw broken(`a frame of the unknown kind ${header[4]}`)
    if (header[5] !== 0 || header[6] !== 0 || header[7] !== 0)
      throw broken('a frame header that is not zero')
    if (length > (limits[kind] ?? FRAME_MAX)) throw broken(`a ${kind} frame of ${length} bytes`)
    this.#kind = kind
    this.#expected = length
    return true
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

/** @throws EngineError `unavailable` for a payload that is no JSON object */
export function parseJson(frame: Frame): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(frame.payload))
  } catch (error) {
    throw new EngineError(
      'unavailable',
      `guestd broke the protocol: a ${frame.kind} frame without JSON`,
      {
        cause: error,
      },
    )
  }
  if (!isObject(value)) throw broken(`a ${frame.kind} frame without an object`)
  return value
}

export const encodeJson = (value: object): Uint8Array => encoder.encode(JSON.stringify(value))

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws EngineError `unavailable`: guestd said something that it never says */
export function unexpected(frame: Frame): never {
  throw broken(`an unexpected ${frame.kind} frame`)
}
