import { FrameReader } from '../../codec/ninep/frame-reader.ts'
import { FrameWriter } from '../../codec/ninep/frame-writer.ts'
import {
  errno,
  HEADER,
  MSIZE_MAX,
  MSIZE_MIN,
  NOTAG,
  request,
  RLERROR,
  VERSION,
} from '../../codec/ninep/wire.ts'

/** A frame that is valid until the next call, or the promise of one that stays valid. */
export type Reply = Uint8Array | Promise<Uint8Array>

/** Room beyond a message's greatest size, for what is found too long only when it is written. */
const SLACK = 4096

export interface SessionEvents {
  /** A request with a tag; what it throws is answered with an error. */
  readonly answer: (type: number, tag: number, input: FrameReader) => Reply
  /** The client begins anew: it has nothing open any more. */
  readonly onBegin: () => void
  /** The number of a failure that is the client's own; undefined: it is none of those. */
  readonly errnoOf: (error: unknown) => number | undefined
  /** Told of others; the client sees EIO. */
  readonly onError: ((error: unknown) => void) | undefined
}

/** What every 9P2000.L server does alike: heads and sizes of messages, the version, failures, answers that come later. */
export class NinepSession {
  readonly out: FrameWriter = new FrameWriter(MSIZE_MAX + SLACK)
  readonly #events: SessionEvents
  /** Answers under way, by tag. */
  readonly #pending = new Map<number, Promise<Uint8Array>>()
  #msize = MSIZE_MAX

  constructor(events: SessionEvents) {
    this.#events = events
  }

  /** Most bytes of data in one message, after `before` bytes of other fields. */
  room(before: number): number {
    return this.#msize - HEADER - before
  }

  /** Answer one request. Never throws, never rejects. */
  handle(frame: Uint8Array): Reply {
    let tag = NOTAG
    try {
      const input = new FrameReader(frame)
      const size = input.u32()
      const type = input.u8()
      tag = input.u16()
      if (size < HEADER || size > frame.length) return this.error(tag, errno.EINVAL)
      const reply = this.#answer(type, tag, input)
      return reply instanceof Promise || reply.length <= this.#msize
        ? reply
        : this.error(tag, errno.EIO)
    } catch (error) {
      return this.error(tag, this.#errnoOf(error))
    }
  }

  error(tag: number, code: number): Uint8Array {
    return this.out.begin(RLERROR, tag).u32(code).finish()
  }

  /** @param reply of a writer of its own; when it rejects, the client is told. */
  later(tag: number, reply: Promise<Uint8Array>): Promise<Uint8Array> {
    const told = reply
      .catch((error: unknown) =>
        new FrameWriter(HEADER + 4).begin(RLERROR, tag).u32(this.#errnoOf(error)).finish(),
      )
      .finally(() => this.#pending.delete(tag))
    this.#pending.set(tag, told)
    return told
  }

  #answer(type: number, tag: number, input: FrameReader): Reply {
    if (type === request.version) return this.#version(tag, input)
    if (type === request.flush) return this.#flush(tag, input)
    return this.#events.answer(type, tag, input)
  }

  #errnoOf(error: unknown): number {
    const known = this.#events.errnoOf(error)
    if (known !== undefined) return known
    // The message ends too early.
    if (error instanceof RangeError) return errno.EINVAL
    this.#events.onError?.(error)
    return errno.EIO
  }

  #version(tag: number, input: FrameReader): Uint8Array {
    const msize = input.u32()
    const version = input.name()
    if (msize < MSIZE_MIN) return this.error(tag, errno.EINVAL)
    this.#events.onBegin()
    this.#msize = Math.min(msize, MSIZE_MAX)
    return this.out
      .begin(request.version + 1, tag)
      .u32(this.#msize)
      .name(version.startsWith(VERSION) ? VERSION : 'unknown')
      .finish()
  }

  /** The old request is answered first: a page that a killed process asked for serves others too. */
  #flush(tag: number, input: FrameReader): Reply {
    const reply = (): Uint8Array => new FrameWriter(HEADER).begin(request.flush + 1, tag).finish()
    return this.#pending.get(input.u16())?.then(reply) ?? reply()
  }
}
