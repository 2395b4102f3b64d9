/**
 * Wisp 2 (https://github.com/MercuryWorkshop/wisp-protocol): TCP connections, multiplexed over one WebSocket. A packet is u8
 * type, u32 stream, payload; numbers are little endian. Stream 0 is the connection itself.
 */

export interface WispExtension {
  readonly id: number
  readonly metadata: Uint8Array
}

export type WispPacket =
  | {
      readonly type: 'connect'
      readonly stream: number
      readonly protocol: 'tcp' | 'udp'
      readonly port: number
      readonly host: string
    }
  | { readonly type: 'data'; readonly stream: number; readonly bytes: Uint8Array }
  /** How many more packets the sender takes. */
  | { readonly type: 'continue'; readonly stream: number; readonly count: number }
  | { readonly type: 'close'; readonly stream: number; readonly reason: number }
  | {
      readonly type: 'info'
      readonly major: number
      readonly minor: number
      readonly extensions: readonly WispExtension[]
    }

export const wispExtension = {
  /** The server answers a `connect` that has succeeded with `continue`. */
  confirm: 0x05,
  /**
   * Drydock's own; the client's metadata is a u32, how many data packets it takes on each stream. Then a stream's `continue`
   * gives so many more, both ways, instead of counting anew; and an empty data packet is the end of that direction alone.
   */
  flow: 0xf0,
} as const

export const wispReason = {
  unknown: 0x01,
  /** Both have ended. */
  ended: 0x02,
  /** The connection broke. */
  broken: 0x03,
  incompatible: 0x04,
  invalid: 0x41,
  unreachable: 0x42,
  timeout: 0x43,
  refused: 0x44,
  idle: 0x47,
  blocked: 0x48,
  throttled: 0x49,
} as const

/** Largest payload of a data packet that we send, and the largest packet that we take, in bytes. */
export const WISP_DATA = 32_768
export const WISP_PACKET_MAX = 131_072

const HEADER = 5
const types = { connect: 1, data: 2, continue: 3, close: 4, info: 5 } as const
const HOST_MAX = 255
const EXTENSIONS_MAX = 64

/** @returns undefined for what is no packet */
export function parseWisp(bytes: Uint8Array): WispPacket | undefined {
  if (bytes.length < HEADER || bytes.length > WISP_PACKET_MAX) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const stream = view.getUint32(1, true)
  const length = bytes.length - HEADER
  switch (view.getUint8(0)) {
    case types.connect:
      return parseConnect(view, bytes, stream)
    case types.data:
      return stream === 0 ? undefined : { type: 'data', stream, bytes: bytes.subarray(HEADER) }
    case types.continue:
      return length === 4
        ? { type: 'continue', stream, count: view.getUint32(HEADER, true) }
        : undefined
    case types.close:
      return length === 1 ? { type: 'close', stream, reason: view.getUint8(HEADER) } : undefined
    case types.info:
      return stream === 0 && length >= 2 ? parseInfo(view, bytes) : undefined
    default:
      return undefined
  }
}

function parseConnect(view: DataView, bytes: Uint8Array, stream: number): WispPacket | undefined {
  if (bytes.length < HEADER + 4 || bytes.length > HEADER + 3 + HOST_MAX || stream === 0) {
    return undefined
  }
  const kind = view.getUint8(HEADER)
  if (kind !== 1 && kind !== 2) return undefined
  let host: string
  try {
    host = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(HEADER + 3))
  } catch {
    return undefined
  }
  const port = view.getUint16(HEADER + 1, true)
  return { type: 'connect', stream, protocol: kind === 1 ? 'tcp' : 'udp', port, host }
}

function parseInfo(view: DataView, bytes: Uint8Array): WispPacket | undefined {
  const extensions: WispExtension[] = []
  let at = HEADER + 2
  while (at < bytes.length) {
    if (at + 5 > bytes.length || extensions.length === EXTENSIONS_MAX) return undefined
    const length = view.getUint32(at + 1, true)
    if (length > bytes.length - at - 5) return undefined
    extensions.push({ id: view.getUint8(at), metadata: bytes.subarray(at + 5, at + 5 + length) })
    at += 5 + length
  }
  return {
    type: 'info',
    major: view.getUint8(HEADER),
    minor: view.getUint8(HEADER + 1),
    extensions,
  }
}

export function encodeWisp(packet: WispPacket): Uint8Array<ArrayBuffer> {
  switch (packet.type) {
    case 'connect': {
      const host = new TextEncoder().encode(packet.host)
      const { bytes, view } = frame(types.connect, packet.stream, 3 + host.length)
      view.setUint8(HEADER, packet.protocol === 'tcp' ? 1 : 2)
      view.setUint16(HEADER + 1, packet.port, true)
      bytes.set(host, HEADER + 3)
      return bytes
    }
    case 'data': {
      const { bytes } = frame(types.data, packet.stream, packet.bytes.length)
      bytes.set(packet.bytes, HEADER)
      return bytes
    }
    case 'continue': {
      const { bytes, view } = frame(types.continue, packet.stream, 4)
      view.setUint32(HEADER, packet.count, true)
      return bytes
    }
    case 'close': {
      const { bytes, view } = frame(types.close, packet.stream, 1)
      view.setUint8(HEADER, packet.reason)
      return bytes
    }
    case 'info': {
      const size = packet.extensions.reduce((sum, { metadata }) => sum + 5 + metadata.length, 2)
      const { bytes, view } = frame(types.info, 0, size)
      view.setUint8(HEADER, packet.major)
      view.setUint8(HEADER + 1, packet.minor)
      let at = HEADER + 2
      for (const { id, metadata } of packet.extensions) {
        view.setUint8(at, id)
        view.setUint32(at + 1, metadata.length, true)
        bytes.set(metadata, at + 5)
        at += 5 + metadata.length
      }
      return bytes
    }
  }
}

function frame(
  type: number,
  stream: number,
  length: number,
): { bytes: Uint8Array<ArrayBuffer>; view: DataView } {
  const bytes = new Uint8Array(HEADER + length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, type)
  view.setUint32(1, stream, true)
  return { bytes, view }
}

/** The extensions that we speak. @param window data packets that the client takes; absent for the server's own */
export function wispExtensions(window?: number): readonly WispExtension[] {
  const metadata = new Uint8Array(window === undefined ? 0 : 4)
  if (window !== undefined) new DataView(metadata.buffer).setUint32(0, window, true)
  return [
    { id: wispExtension.confirm, metadata: new Uint8Array(0) },
    { id: wispExtension.flow, metadata },
  ]
}
