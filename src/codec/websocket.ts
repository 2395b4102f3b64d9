import { EngineError } from '../core/error.ts'
import { joinBytes } from './join-bytes.ts'

/** Largest message, in bytes, as many servers have it. */
export const MESSAGE_MAX: number = 16 * 1024 * 1024
/** Of a control frame's payload (RFC 6455, 5.5). */
const CONTROL_MAX = 125

const opcode: Readonly<Record<Opcode, number>> = {
  more: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
}
type Opcode = 'more' | 'text' | 'binary' | 'close' | 'ping' | 'pong'

/** What a peer sends (RFC 6455, 5). A message comes whole, of however many frames. */
export type WebSocketMessage =
  | { readonly kind: 'text' | 'binary' | 'ping' | 'pong'; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }

const broken = (message: string): EngineError =>
  new EngineError('invalid-parameter', `The server breaks the WebSocket protocol: ${message}`)

/** Messages of a server, to the end of its stream. @throws EngineError `invalid-parameter` when it breaks the protocol */
export async function* readMessages(
  readable: ReadableStream<Uint8Array>,
): AsyncGenerator<WebSocketMessage> {
  const decoder = new MessageDecoder()
  for await (const bytes of readable) yield* decoder.push(bytes)
}

/** Takes a stream of frames in whatever pieces and gives messages. */
export class MessageDecoder {
  #pieces: Uint8Array[] = []
  #buffered = 0
  #needed = 2
  #started: 'text' | 'binary' | undefined
  #parts: Uint8Array[] = []
  #size = 0

  push(bytes: Uint8Array): WebSocketMessage[] {
    const messages: WebSocketMessage[] = []
    this.#pieces.push(bytes)
    this.#buffered += bytes.length
    while (this.#buffered >= this.#needed) {
      const buffer = this.#pieces.length === 1 ? this.#pieces[0] : joinBytes(this.#pieces)
      if (!buffer) break
      this.#pieces = [buffer]
      const frame = parseFrame(buffer)
      if (typeof frame === 'number') {
        this.#needed = frame
        continue
      }
      const rest = buffer.subarray(frame.end)
      this.#pieces = rest.length > 0 ? [rest] : []
      this.#buffered = rest.length
      this.#needed = 2
      const message = this.#take(frame)
      if (message) messages.push(message)
    }
    return messages
  }

  #take({ kind, isFinal, payload }: Frame): WebSocketMessage | undefined {
    if (kind === 'close') return parseClose(payload)
    if (kind === 'ping' || kind === 'pong') return { kind, bytes: payload.slice() }
    if (kind === 'more' ? !this.#started : this.#started) throw broken('frames out of order')
    if (kind !== 'more') this.#started = kind
    this.#size += payload.length
    if (this.#size > MESSAGE_MAX) throw broken('a message is too large')
    this.#parts.push(payload)
    if (!isFinal) return undefined
    const bytes = joinBytes(this.#parts)
    const started = this.#started ?? 'binary'
    this.#parts = []
    this.#size = 0
    this.#started = undefined
    return { kind: started, bytes }
  }
}

interface Frame {
  readonly kind: Opcode
  readonly isFinal: boolean
  readonly payload: Uint8Array
  /** Offset of the next one. */
  readonly end: number
}

/** The frame at the start, or how many bytes it takes to know more (RFC 6455, 5.2). */
function parseFrame(bytes: Uint8Array): Frame | number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const first = view.getUint8(0)
  const second = view.getUint8(1)
  if ((first & 0x70) !== 0) throw broken('a reserved bit is set')
  const kind = kinds.get(first & 0x0f)
  if (kind === undefined) throw broken(`an unknown opcode ${first & 0x0f}`)
  // RFC 6455, 5.1: a server must not mask.
  if ((second & 0x80) !== 0) throw broken('a frame of the server is masked')
  const isFinal = (first & 0x80) !== 0
  const short = second & 0x7f
  if (kind !== 'more' && kind !== 'text' && kind !== 'binary') {
    if (!isFinal || short > CONTROL_MAX) throw broken('a control frame is too large')
  }
  const head = short === 127 ? 10 : short === 126 ? 4 : 2
  if (bytes.length < head) return head
  const length =
    short === 127 ? Number(view.getBigUint64(2)) : short === 126 ? view.getUint16(2) : short
  if (length > MESSAGE_MAX) throw broken('a frame is too large')
  if (bytes.length < head + length) return head + length
  return { kind, isFinal, payload: bytes.subarray(head, head + length), end: head + length }
}

const kinds: ReadonlyMap<number, Opcode> = new Map(
  Object.entries(opcode).map(([name, code]) => [code, name as Opcode]),
)

function parseClose(payload: Uint8Array): WebSocketMessage {
  if (payload.length === 1) throw broken('a close frame of one byte')
  // 1005: none was given (RFC 6455, 7.1.5).
  if (payload.length === 0) return { kind: 'close', code: 1005, reason: '' }
  const code = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0)
  return { kind: 'close', code, reason: new TextDecoder().decode(payload.subarray(2)) }
}

/**
 * One frame of a client's, masked (RFC 6455, 5.3).
 * @param mask four random bytes
 */
export function encodeFrame(
  kind: 'text' | 'binary' | 'close' | 'ping' | 'pong',
  payload: Uint8Array,
  mask: Uint8Array,
): Uint8Array {
  const { length } = payload
  const extended = length > 65_535 ? 8 : length > 125 ? 2 : 0
  const frame = new Uint8Array(2 + extended + 4 + length)
  const view = new DataView(frame.buffer)
  view.setUint8(0, 0x80 | opcode[kind])
  view.setUint8(1, 0x80 | (extended === 8 ? 127 : extended === 2 ? 126 : length))
  if (extended === 8) view.setBigUint64(2, BigInt(length))
  else if (extended === 2) view.setUint16(2, length)
  frame.set(mask.subarray(0, 4), 2 + extended)
  const at = 6 + extended
  for (let index = 0; index < length; index++) {
    frame[at + index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0)
  }
  return frame
}

/** A close frame's payload; the reason is cut where it is too long. */
export function closePayload(code: number, reason: string): Uint8Array {
  const text = new TextEncoder().encode(reason).subarray(0, CONTROL_MAX - 2)
  const payload = new Uint8Array(2 + text.length)
  new DataView(payload.buffer).setUint16(0, code)
  payload.set(text, 2)
  return payload
}

/** What the server must answer to a key (RFC 6455, 4.2.2), base64. */
export async function acceptOf(key: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  const digest = await crypto.subtle.digest('SHA-1', bytes)
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
}
