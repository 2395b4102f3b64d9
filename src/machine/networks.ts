import type { Duplex } from '../core/duplex.ts'
import { EngineError } from '../core/error.ts'
import type { DialTarget } from '../core/guest-protocol.ts'
import type { NameResolver } from '../ports/machine/networks.ts'
import type { OpenStream } from './archives.ts'
import { parseJson, unexpected } from './frame.ts'
import { framedDuplex } from './framed-duplex.ts'
import type { FrameStream } from './frame-stream.ts'
import { guestError } from './guest-error.ts'

/** A `dial` channel, from guestd's answer on. */
export async function dial(
  open: OpenStream,
  target: DialTarget,
  signal?: AbortSignal,
): Promise<Duplex> {
  const stream = await open({ channel: 'dial', ...target }, signal)
  const abort = (): void =>
    stream.reset(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
  signal?.addEventListener('abort', abort, { once: true })
  try {
    signal?.throwIfAborted()
    const answer = await stream.read()
    if (!answer) throw new EngineError('unavailable', 'guestd closed the connection')
    if (answer.kind === 'failed') throw guestError(parseJson(answer))
    if (answer.kind !== 'started') unexpected(answer)
  } catch (error) {
    const reason = signal?.aborted ? (signal.reason as unknown) : error
    stream.reset(reason instanceof Error ? reason : new Error(String(reason)))
    throw reason
  } finally {
    signal?.removeEventListener('abort', abort)
  }
  return target.protocol === 'udp' ? datagrams(stream) : framedDuplex(stream)
}

function datagrams(stream: FrameStream): Duplex {
  const closed = (): void =>
    stream.reset(new EngineError('unavailable', 'The connection was closed'))
  return {
    readable: new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const frame = await stream.read()
          if (!frame) controller.close()
          else if (frame.kind === 'datagram') controller.enqueue(frame.payload)
          else unexpected(frame)
        },
        cancel: closed,
      },
      { highWaterMark: 0 },
    ),
    writable: new WritableStream<Uint8Array>({
      write: (bytes) => stream.write('datagram', bytes),
      close: closed,
      abort: closed,
    }),
  }
}

const idSize = 64
const questionHeader = 4 + idSize + 1
const decoder = new TextDecoder()

/** Answers the questions of a `names` channel as long as it is there. */
export async function answerNames(stream: FrameStream, resolve: NameResolver): Promise<void> {
  for (;;) {
    const frame = await stream.read()
    if (!frame) return
    if (frame.kind !== 'question' || frame.payload.length < questionHeader) unexpected(frame)
    const number = frame.payload.slice(0, 4)
    const question = {
      container: decoder.decode(frame.payload.subarray(4, 4 + idSize)),
      protocol: frame.payload[4 + idSize] === 1 ? 'tcp' : 'udp',
      message: frame.payload.slice(questionHeader),
    } as const
    const answer = async (): Promise<void> => {
      const message = await resolve(question)
      if (!message) return
      const payload = new Uint8Array(4 + message.length)
      payload.set(number)
      payload.set(message, 4)
      await stream.write('answer', payload)
    }
    // When the stream is gone, who asked is gone with it.
    answer().catch(() => undefined)
  }
}
