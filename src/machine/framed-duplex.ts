import type { Duplex } from '../core/duplex.ts'
import { EngineError } from '../core/error.ts'
import { unexpected } from './frame.ts'
import type { FrameStream } from './frame-stream.ts'

const DATA_FRAME = 65_536

/** `data` and `end` frames as a byte stream both ways: an end is explicit, so that a broken stream is an error. */
export function framedDuplex(stream: FrameStream): Duplex {
  const ends = { read: false, written: false }
  const finish = () => {
    if (ends.read && ends.written) stream.end().catch(() => undefined)
  }
  const readable = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const frame = await stream.read()
        if (frame === undefined) {
          throw new EngineError('unavailable', 'The connection was aborted')
        } else if (frame.kind === 'end') {
          ends.read = true
          controller.close()
          finish()
        } else if (frame.kind === 'data') {
          controller.enqueue(frame.payload)
        } else {
          unexpected(frame)
        }
      },
      cancel: () => {
        ends.read = true
        if (ends.written) stream.reset(new EngineError('unavailable', 'The connection was closed'))
      },
    },
    { highWaterMark: 0 },
  )
  const writable = new WritableStream<Uint8Array>({
    write: async (bytes) => {
      for (let offset = 0; offset < bytes.length; offset += DATA_FRAME) {
        await stream.write('data', bytes.subarray(offset, offset + DATA_FRAME))
      }
    },
    close: async () => {
      await stream.write('end')
      ends.written = true
      finish()
    },
    abort: (reason) => stream.reset(reason instanceof Error ? reason : new Error('aborted')),
  })
  return { readable, writable }
}
