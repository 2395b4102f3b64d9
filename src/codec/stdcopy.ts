/**
 * The multiplexed stream of attach and logs without a terminal: u8 stream, 3 bytes zero, u32 length (big endian),
 * payload (Engine API, ContainerAttach#stream-format; moby pkg/stdcopy).
 */
import { EngineError } from '../core/error.ts'

export type StdStream = 'stdin' | 'stdout' | 'stderr' | 'systemerr'

export interface StdFrame {
  readonly stream: StdStream
  readonly bytes: Uint8Array
}

const names: readonly StdStream[] = ['stdin', 'stdout', 'stderr', 'systemerr']
const headerSize = 8

/** One frame as it goes over the wire. */
export function encodeStdcopy(
  stream: 'stdout' | 'stderr' | 'systemerr',
  bytes: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(headerSize + bytes.length)
  frame[0] = names.indexOf(stream)
  new DataView(frame.buffer).setUint32(4, bytes.length)
  frame.set(bytes, headerSize)
  return frame
}

/**
 * Frames out of a byte stream. A payload comes in pieces as it arrives, so a frame of any length needs no buffer.
 * @throws EngineError `invalid-parameter` (as an error of the stream) for an unknown stream or an end within a frame
 */
export function stdcopyDecoder(): TransformStream<Uint8Array, StdFrame> {
  const header = new Uint8Array(headerSize)
  let have = 0
  let left = 0
  let stream: StdStream = 'stdout'
  return new TransformStream({
    transform(chunk, controller) {
      let at = 0
      while (at < chunk.length) {
        if (left > 0) {
          const bytes = chunk.subarray(at, at + left)
          controller.enqueue({ stream, bytes })
          at += bytes.length
          left -= bytes.length
          continue
        }
        const part = chunk.subarray(at, at + headerSize - have)
        header.set(part, have)
        have += part.length
        at += part.length
        if (have < headerSize) break
        have = 0
        const name = names[header[0] ?? -1]
        if (name === undefined)
          throw new EngineError('invalid-parameter', `unrecognized stream: ${header[0]}`)
        stream = name
        left = new DataView(header.buffer).getUint32(4)
      }
    },
    flush() {
      if (have > 0 || left > 0)
        throw new EngineError('invalid-parameter', 'the stream ended within a frame')
    },
  })
}
