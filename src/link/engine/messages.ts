/**
 * The Engine API over a MessagePort: what `EngineRequest` and `EngineResponse` say (core/engine-http.ts), as messages. One port has
 * one client; a page may have several. `client.ts` makes the page's end an EngineHandler; a host serves the other.
 *
 * Bytes go by flows: the body of a request or of an answer (`body`), and the two directions of a connection that was taken over
 * (`connection`). Who sends has `WINDOW` of a flow under way at most, and the other side gives credit for what was taken from it;
 * so a slow reader slows the writer, at whichever end. (Streams themselves can't be transferred in Safari.) Buffers are transferred.
 *
 * The client numbers its calls upward. What still comes for a call that is over is dropped; anything that can't be, such as a number
 * never given, more than the window or a request too many, is the end of the port.
 */
import type { CarriedError } from './carried-error.ts'

/** Bytes in one message, at most. */
export const CHUNK_MAX = 65_536
/** What a message costs of the window besides its bytes: a flood of tiny ones takes memory, too. */
const CHUNK_COST = 256
/** Of one direction of a flow under way or unread, at most. */
export const WINDOW = 524_288
/** Calls of one port that are open at once, at most: attached terminals, logs and events stay open. */
export const CALLS_MAX = 128
/** Characters of a request's path and headers, at most (Go net/http, DefaultMaxHeaderBytes). */
export const HEAD_MAX = 1_048_576
const HEADERS_MAX = 256

/** What bytes take of the window. */
export const costOf = (bytes: { readonly byteLength: number }): number =>
  bytes.byteLength + CHUNK_COST

export type FlowName = 'body' | 'connection'

/** Names in lower case. */
export type Headers = Readonly<Record<string, string>>

/** Of one direction of a flow. From its writer: `chunk`, then `end` or `fail`. From its reader: `credit`, `stop`. */
export type FlowMessage = { readonly id: number; readonly flow: FlowName } & (
  | { readonly kind: 'chunk'; readonly bytes: ArrayBuffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'fail'; readonly error: CarriedError }
  /** What was taken cost this much. */
  | { readonly kind: 'credit'; readonly cost: number }
  /** No more is wanted. */
  | { readonly kind: 'stop' }
)

/** From the client. */
export type ClientMessage =
  | {
      readonly kind: 'request'
      /** More than that of any request before. */
      readonly id: number
      readonly method: string
      readonly path: string
      readonly headers: Headers
      /** The flow `body` follows. */
      readonly hasBody: boolean
    }
  /** Takes the connection over: after an answer that allows it. The flow `connection` follows, both ways. */
  | { readonly kind: 'upgrade'; readonly id: number }
  /** The client has lost interest: the call is over. */
  | { readonly kind: 'abort'; readonly id: number }
  /** The client goes, and with it all of its calls. */
  | { readonly kind: 'close' }
  | FlowMessage

/** From the host. */
export type HostMessage =
  | {
      readonly kind: 'response'
      readonly id: number
      readonly status: number
      readonly headers: Headers
      /** What comes of it: nothing, the flow `body`, or a connection if the client asks to `upgrade`. */
      readonly follows: 'nothing' | 'body' | 'connection'
    }
  /** No answer, or an end of a taken-over connection that is none. */
  | { readonly kind: 'broken'; readonly id: number; readonly error: CarriedError }
  /** The engine is done with a taken-over connection. */
  | { readonly kind: 'done'; readonly id: number }
  /** The engine goes. */
  | { readonly kind: 'close' }
  | FlowMessage

/** A stranger's message, or undefined when it is none. */
export function parseClientMessage(data: unknown): ClientMessage | undefined {
  const fields = fieldsOf(data)
  if (fields?.['kind'] === 'close') return { kind: 'close' }
  const id = fields?.['id']
  if (!fields || !isCount(id)) return undefined
  switch (fields['kind']) {
    case 'request': {
      const { method, path, headers, hasBody } = fields
      return isMethod(method) && isHead(path, headers)
        ? { kind: 'request', id, method, path: String(path), headers, hasBody: hasBody === true }
        : undefined
    }
    case 'upgrade':
    case 'abort':
      return { kind: fields['kind'], id }
    default:
      return parseFlowMessage(fields, id)
  }
}

export function parseHostMessage(data: unknown): HostMessage | undefined {
  const fields = fieldsOf(data)
  if (fields?.['kind'] === 'close') return { kind: 'close' }
  const id = fields?.['id']
  if (!fields || !isCount(id)) return undefined
  switch (fields['kind']) {
    case 'response': {
      const { status, headers, follows } = fields
      return isCount(status) &&
        isHead('/', headers) &&
        (follows === 'nothing' || follows === 'body' || follows === 'connection')
        ? { kind: 'response', id, status, headers, follows }
        : undefined
    }
    case 'broken':
      return isError(fields['error']) ? { kind: 'broken', id, error: fields['error'] } : undefined
    case 'done':
      return { kind: 'done', id }
    default:
      return parseFlowMessage(fields, id)
  }
}

function parseFlowMessage(
  { kind, flow, bytes, cost, error }: Fields,
  id: number,
): FlowMessage | undefined {
  if (flow !== 'body' && flow !== 'connection') return undefined
  switch (kind) {
    case 'chunk':
      return bytes instanceof ArrayBuffer && bytes.byteLength > 0 && bytes.byteLength <= CHUNK_MAX
        ? { kind, id, flow, bytes }
        : undefined
    case 'end':
    case 'stop':
      return { kind, id, flow }
    case 'fail':
      return isError(error) ? { kind, id, flow, error } : undefined
    case 'credit':
      return isCount(cost) ? { kind, id, flow, cost } : undefined
    default:
      return undefined
  }
}

/** Whether a request or an answer may have this head: bounded, and headers that HTTP could carry. */
export function isHead(path: unknown, headers: unknown): headers is Headers {
  if (typeof path !== 'string' || !path.startsWith('/')) return false
  const fields = fieldsOf(headers)
  if (!fields) return false
  const entries = Object.entries(fields)
  if (entries.length > HEADERS_MAX) return false
  let size = path.length
  for (const [name, value] of entries) {
    if (typeof value !== 'string' || !/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) return false
    size += name.length + value.length
  }
  return size <= HEAD_MAX
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

export const isMethod = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Z]{1,16}$/.test(value)

function isError(value: unknown): value is CarriedError {
  const fields = fieldsOf(value)
  return (
    typeof fields?.['name'] === 'string' &&
    typeof fields['message'] === 'string' &&
    fields['name'].length + fields['message'].length <= HEAD_MAX
  )
}
