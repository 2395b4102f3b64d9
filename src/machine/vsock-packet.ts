/** virtio-vsock packets (virtio 1.2, 5.10.6): a header of 44 bytes, little endian, then the payload. */
export const VSOCK_HEADER_SIZE = 44

export const vsockOperation = {
  request: 1,
  response: 2,
  reset: 3,
  shutdown: 4,
  data: 5,
  creditUpdate: 6,
  creditRequest: 7,
} as const

/** `flags` of a shutdown. */
export const SHUTDOWN_RECEIVE = 1
export const SHUTDOWN_SEND = 2

export const STREAM = 1
export const HOST_CID = 2

export interface VsockHeader {
  readonly sourceCid: number
  readonly destinationCid: number
  readonly sourcePort: number
  readonly destinationPort: number
  /** Bytes of payload. */
  readonly length: number
  readonly type: number
  readonly operation: number
  readonly flags: number
  /** The sender's receive buffer, in bytes. */
  readonly bufferSize: number
  /** Bytes that the sender's user has taken from it, modulo 2^32. */
  readonly forwarded: number
}

/** @returns undefined for a context id beyond 32 bits */
export function readVsockHeader(bytes: Uint8Array): VsockHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, VSOCK_HEADER_SIZE)
  const word = (offset: number) => view.getUint32(offset, true)
  if (word(4) !== 0 || word(12) !== 0) return undefined
  return {
    sourceCid: word(0),
    destinationCid: word(8),
    sourcePort: word(16),
    destinationPort: word(20),
    length: word(24),
    type: view.getUint16(28, true),
    operation: view.getUint16(30, true),
    flags: word(32),
    bufferSize: word(36),
    forwarded: word(40),
  }
}

export function writeVsockHeader(target: Uint8Array, header: VsockHeader): void {
  const view = new DataView(target.buffer, target.byteOffset, VSOCK_HEADER_SIZE)
  view.setUint32(0, header.sourceCid, true)
  view.setUint32(4, 0, true)
  view.setUint32(8, header.destinationCid, true)
  view.setUint32(12, 0, true)
  view.setUint32(16, header.sourcePort, true)
  view.setUint32(20, header.destinationPort, true)
  view.setUint32(24, header.length, true)
  view.setUint16(28, header.type, true)
  view.setUint16(30, header.operation, true)
  view.setUint32(32, header.flags, true)
  view.setUint32(36, header.bufferSize, true)
  view.setUint32(40, header.forwarded, true)
}
