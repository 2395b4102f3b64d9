import { EngineError } from '../core/error.ts'
import {
  PROTOCOL_VERSION,
  type GuestEvent,
  type GuestInfo,
  type GuestRequest,
} from '../core/guest-protocol.ts'
import { parseJson, unexpected, type Frame } from './frame.ts'
import type { FrameStream } from './frame-stream.ts'
import { guestError } from './guest-error.ts'

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never
/** A request before it gets its number. */
export type GuestCall = WithoutId<GuestRequest>

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Answers to cancelled requests that are still to come. */
const CANCELLED_MAX = 10_000

/** The one control stream: requests by number, events, pings. */
export class ControlChannel {
  readonly info: GuestInfo
  /** Settles with the reason when the stream ended. */
  readonly closed: Promise<Error>
  readonly #stream: FrameStream
  readonly #onEvent: (event: GuestEvent) => void
  readonly #pending = new Map<number, Pending>()
  readonly #cancelled = new Set<number>()
  readonly #pings = new Map<number, Pending>()
  #nextId = 1
  #nextPing = 1
  #failure: Error | undefined

  private constructor(stream: FrameStream, info: GuestInfo, onEvent: (event: GuestEvent) => void) {
    this.#stream = stream
    this.info = info
    this.#onEvent = onEvent
    this.closed = this.#readAll()
  }

  /** @throws EngineError `unavailable` when guestd is of another version */
  static async open(
    stream: FrameStream,
    onEvent: (event: GuestEvent) => void,
  ): Promise<ControlChannel> {
    await stream.writeJson('open', { channel: 'control' })
    const frame = await stream.read()
    if (!frame) throw new EngineError('unavailable', 'guestd closed the control stream')
    if (frame.kind !== 'hello') unexpected(frame)
    return new ControlChannel(stream, parseHello(frame), onEvent)
  }

  /**
   * @returns what guestd answered; its shape is the caller's to check
   * @throws EngineError what guestd refused, its GuestError as `cause`; the signal's reason
   */
  async request(call: GuestCall, signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted()
    if (this.#failure) throw this.#failure
    const id = this.#nextId++
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
    })
    const abort = () => this.#cancel(id, signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      // A failed write fails the stream, and with it the answer.
      this.#stream.writeJson('request', { id, ...call }).catch((error: unknown) => {
        this.#pending.get(id)?.reject(error)
        this.#pending.delete(id)
      })
      return await answer
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Waits for guestd's answer. */
  async ping(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#failure) throw this.#failure
    const number = this.#nextPing++
    const payload = new Uint8Array(8)
    new DataView(payload.buffer).setUint32(0, number, true)
    let abort: () => void = () => undefined
    await new Promise<unknown>((resolve, reject) => {
      this.#pings.set(number, { resolve, reject })
      abort = () => reject(signal?.reason as Error)
      signal?.addEventListener('abort', abort, { once: true })
      this.#stream.write('ping', payload).catch(reject)
    }).finally(() => {
      signal?.removeEventListener('abort', abort)
      this.#pings.delete(number)
    })
  }

  close(reason: Error): void {
    this.#fail(reason)
    this.#stream.reset(reason)
  }

  #cancel(id: number, reason: unknown): void {
    const pending = this.#pending.get(id)
    if (!pending) return
    this.#pending.delete(id)
    if (this.#cancelled.size < CANCELLED_MAX) this.#cancelled.add(id)
    this.#stream.writeJson('cancel', { id }).catch(() => undefined)
    pending.reject(reason)
  }

  async #readAll(): Promise<Error> {
    try {
      for (;;) {
        const frame = await this.#stream.read()
        if (!frame) throw new EngineError('unavailable', 'guestd closed the control stream')
        this.#handle(frame)
      }
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error))
      this.#fail(reason)
      this.#stream.reset(reason)
      return this.#failure ?? reason
    }
  }

  #fail(reason: Error): void {
    this.#failure ??= reason
    for (const pending of this.#pending.values()) pending.reject(this.#failure)
    this.#pending.clear()
    for (const ping of this.#pings.values()) ping.reject(this.#failure)
  }

  #handle(frame: Frame): void {
    if (frame.kind === 'response') {
      this.#respond(parseJson(frame))
    } else if (frame.kind === 'event') {
      this.#event(frame)
    } else if (frame.kind === 'pong' && frame.payload.length === 8) {
      const { buffer, byteOffset } = frame.payload
      this.#pings.get(new DataView(buffer, byteOffset).getUint32(0, true))?.resolve(undefined)
    } else {
      unexpected(frame)
    }
  }

  #respond(response: Readonly<Record<string, unknown>>): void {
    const id = response['id']
    if (typeof id !== 'number' || this.#cancelled.delete(id)) return
    const pending = this.#pending.get(id)
    if (!pending) {
      throw new EngineError('unavailable', 'guestd broke the protocol: an answer to no question')
    }
    this.#pending.delete(id)
    if ('error' in response) pending.reject(guestError(response['error']))
    else pending.resolve(response['result'])
  }

  #event(frame: Frame): void {
    const event = parseJson(frame)
    if (event['event'] === 'oom' && typeof event['container'] === 'string') {
      this.#onEvent({ event: 'oom', container: event['container'] })
    } else if (
      event['event'] === 'connection' &&
      Number.isSafeInteger(event['connection']) &&
      (event['service'] === 'docker-cli' || event['service'] === 'docker-socket')
    ) {
      this.#onEvent({
        event: 'connection',
        connection: event['connection'] as number,
        service: event['service'],
      })
    } else {
      unexpected(frame)
    }
  }
}

function parseHello(frame: Frame): GuestInfo {
  const hello = parseJson(frame)
  const { version, build, kernel, memoryBytes, cpus, features } = hello
  if (version !== PROTOCOL_VERSION) {
    const spoken = typeof version === 'number' ? String(version) : 'of no version'
    throw new EngineError(
      'unavailable',
      `guestd speaks protocol ${spoken}, this engine ${PROTOCOL_VERSION}`,
    )
  }
  if (
    typeof build !== 'string' ||
    typeof kernel !== 'string' ||
    typeof memoryBytes !== 'number' ||
    typeof cpus !== 'number' ||
    !Array.isArray(features)
  ) {
    throw new EngineError('unavailable', 'guestd broke the protocol: an incomplete hello')
  }
  return {
    version,
    build,
    kernel,
    memoryBytes,
    cpus,
    features: features.filter((feature) => typeof feature === 'string'),
  }
}
