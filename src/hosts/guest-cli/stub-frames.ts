import { EngineError } from '../../core/error.ts'
import { FRAME_HEADER_SIZE, FRAME_MAX } from '../../core/guest-protocol.ts'
import { stubFrame } from '../../core/stub-protocol.ts'

export type StubFrameKind = keyof typeof stubFrame

export interface StubFrame {
  readonly kind: StubFrameKind
  readonly payload: Uint8Array
}

/** What a stub may send, and the largest payload of each kind. */
const limits: Partial<Record<StubFrameKind, number>> = {
  invoke: FRAME_MAX,
  stdin: FRAME_MAX,
  'stdin-end': 0,
  signal: 1,
  resize: 4,
  reply: FRAME_MAX,
  'file-data': FRAME_MAX,
}

const kinds = new Map<number, StubFrameKind>(
  Object.entries(stubFrame).map(([kind, number]) => [number, kind as StubFrameKind]),
)

/** The guest is not trusted: what breaks the protocol ends the connection. */
export const broken = (what: string): EngineError =>
  new EngineError('invalid-parameter', `the docker stub broke the protocol: ${what}`)

export function encodeStubFrame(kind: StubFrameKind, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const frame = new Uint8Array(FRAME_HEADER_SIZE + length)
  new DataView(frame.buffer).setUint32(0, length, true)
  frame[4] = stubFrame[kind]
  let at = FRAME_HEADER_SIZE
  for (const part of parts) {
    frame.set(part, at)
    at += part.length
  }
  return frame
}

/**
 * The frames of a stub, one held at most.
 * @throws EngineError for bytes that are no frame of a stub, and for an end within one
 */
export async function* stubFrames(readable: ReadableStream<Uint8Array>): AsyncGenerator<StubFrame> {
  let buffer = new Uint8Array(64 * 1024)
  let held = 0
  for await (const chunk of readable) {
    if (held + chunk.length > buffer.length) {
      // Doubled, so that a frame in small pieces isn't copied for each.
      const larger = new Uint8Array(Math.max(buffer.length * 2, held + chunk.length))
      larger.set(buffer.subarray(0, held))
      buffer = larger
    }
    buffer.set(chunk, held)
    held += chunk.length
    let at = 0
    while (held - at >= FRAME_HEADER_SIZE) {
      const { kind, length } = header(buffer, at)
      const end = at + FRAME_HEADER_SIZE + length
      if (held < end) break
      // A copy: the buffer goes on while the frame is worked on.
      yield { kind, payload: buffer.slice(at + FRAME_HEADER_SIZE, end) }
      at = end
    }
    buffer.copyWithin(0, at, held)
    held -= at
  }
  if (held > 0) throw broken('an end within a frame')
}

function header(bytes: Uint8Array, at: number): { kind: StubFrameKind; length: number } {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true)
  const kind = kinds.get(bytes[at + 4] ?? 0)
  const limit = kind === undefined ? undefined : limits[kind]
  if (kind === undefined || limit === undefined) throw broken(`a frame of kind ${bytes[at + 4]}`)
  if (bytes[at + 5] !== 0 || bytes[at + 6] !== 0 || bytes[at + 7] !== 0)
    throw broken('a header that is not zero')
  if (length > limit) throw broken(`a ${kind} frame of ${length} bytes`)
  return { kind, length }
}

const decoder = new TextDecoder()

/** @throws EngineError for a payload that is no JSON object */
export function objectOf({ kind, payload }: StubFrame): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(payload))
  } catch {
    throw broken(`a ${kind} frame without JSON`)
  }
  if (!isObject(value)) throw broken(`a ${kind} frame without an object`)
  return value
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
