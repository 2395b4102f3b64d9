import { WISP_DATA, wispReason, type WispPacket } from '../codec/wisp.ts'
import type { Duplex } from '../core/duplex.ts'
import { EgressError } from '../core/egress-error.ts'
import type { Refusal } from '../core/guest-egress.ts'

/** Data packets that a stream takes before they are read. */
export const RELAY_WINDOW = 32
/** Bytes that wait for the reader where the relay can't be held; beyond them the stream breaks. */
const UNREAD_MAX = 16 * 1024 * 1024

type Sent = WispPacket extends infer Packet
  ? Packet extends { readonly stream: number }
    ? Omit<Packet, 'stream'>
    : never
  : never

interface Options {
  /** Data packets that the relay takes at first. */
  readonly credit: number
  /** The relay can be held, and knows ends of one direction. */
  readonly flow: boolean
  readonly send: (packet: Sent) => void
  /** Waits for room in the connection. */
  readonly room: () => Promise<void>
  readonly gone: () => void
}

/** One TCP connection by way of a relay. */
export class RelayStream {
  readonly #options: Options
  #opening: { resolve: (stream: Duplex) => void; reject: (error: unknown) => void } | undefined
  #credit: number
  #closed = false
  /** Waits for credit. */
  #wake: (() => void) | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  readonly #unread: Uint8Array[] = []
  #unreadBytes = 0
  #readEnded = false
  #writeEnded = false
  #read = 0
  #wanted: (() => void) | undefined
  #failure: Error | undefined

  constructor(options: Options) {
    this.#options = options
    this.#credit = options.credit
  }

  /** Resolved when the relay has connected. @throws EgressError; the signal's reason */
  async opened(signal: AbortSignal, timeout: number): Promise<Duplex> {
    const stop = (): void => this.#abort(signal.reason as Error)
    const timer = setTimeout(
      () => this.#abort(new EgressError('no-host', 'the relay does not say whether it connected')),
      timeout,
    )
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await new Promise<Duplex>((resolve, reject) => {
        this.#opening = { resolve, reject }
      })
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  }

  onCredit(count: number): void {
    const opening = this.#opening
    this.#credit = this.#options.flow && !opening ? this.#credit + count : count
    this.#opening = undefined
    opening?.resolve(this.#duplex())
    this.#wake?.()
  }

  onData(bytes: Uint8Array): void {
    if (this.#opening || this.#readEnded) return
    if (bytes.length === 0) {
      if (this.#options.flow) this.#endRead()
      return
    }
    this.#unread.push(bytes)
    this.#unreadBytes += bytes.length
    this.#wanted?.()
    // A relay that ignores what it was granted, or can't be held.
    const over = this.#options.flow
      ? this.#unread.length > RELAY_WINDOW
      : this.#unreadBytes > UNREAD_MAX
    if (over) this.#abort(new Error('more came than was asked for'))
  }

  onClose(reason: number): void {
    if (this.#opening) this.fail(refusalOf(reason))
    else if (reason === wispReason.ended) {
      this.#endRead()
      this.#finish()
    } else this.fail(new Error(`the connection broke: ${reasonText(reason)}`))
  }

  /** It is over, and nobody need be told outside. */
  fail(error: Error): void {
    if (this.#closed) return
    this.#failure = error
    this.#finish()
    this.#opening?.reject(error)
    this.#opening = undefined
    this.#unread.length = 0
    if (!this.#readEnded) this.#controller?.error(error)
    this.#readEnded = true
  }

  #abort(error: Error): void {
    if (this.#closed) return
    this.#options.send({ type: 'close', reason: wispReason.ended })
    this.fail(error)
  }

  #finish(): void {
    this.#closed = true
    this.#options.gone()
    this.#wake?.()
    this.#wanted?.()
  }

  #endRead(): void {
    this.#readEnded = true
    this.#wanted?.()
  }

  #settle(): void {
    if (this.#closed || !this.#readEnded || !this.#writeEnded || this.#unread.length > 0) return
    this.#options.send({ type: 'close', reason: wispReason.ended })
    this.#finish()
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#unread.length === 0 && !this.#readEnded) {
      await new Promise<void>((resolve) => {
        this.#wanted = resolve
      })
    }
    const bytes = this.#unread.shift()
    if (bytes) {
      this.#unreadBytes -= bytes.length
      controller.enqueue(bytes)
      if (++this.#read >= RELAY_WINDOW / 2 && this.#options.flow && !this.#closed) {
        this.#options.send({ type: 'continue', count: this.#read })
        this.#read = 0
      }
      return
    }
    if (this.#failure) return
    controller.close()
    this.#settle()
  }

  #duplex(): Duplex {
    const readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#abort(new Error('nobody reads the connection any more')),
      },
      { highWaterMark: 0 },
    )
    const writable = new WritableStream<Uint8Array>({
      write: async (bytes) => {
        for (let at = 0; at < bytes.length; at += WISP_DATA) {
          await this.#writable()
          this.#credit--
          this.#options.send({ type: 'data', bytes: bytes.subarray(at, at + WISP_DATA) })
        }
      },
      close: async () => {
        if (this.#options.flow) {
          await this.#writable().catch(() => undefined)
          if (!this.#closed) this.#options.send({ type: 'data', bytes: new Uint8Array(0) })
        }
        // Without it the other side hears of an end when both are over.
        this.#writeEnded = true
        this.#settle()
      },
      abort: (reason) =>
        this.#abort(reason instanceof Error ? reason : new Error('the connection was aborted')),
    })
    return { readable, writable }
  }

  async #writable(): Promise<void> {
    await this.#options.room()
    while (this.#credit <= 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#closed) throw this.#failure ?? new Error('the connection was closed')
  }
}

const refusals: Readonly<Record<number, readonly [Refusal, string]>> = {
  [wispReason.invalid]: ['prohibited', 'the relay does not take this address'],
  [wispReason.unreachable]: ['no-host', 'the host can not be reached, or its name is not known'],
  [wispReason.timeout]: ['no-host', 'the host does not answer'],
  [wispReason.refused]: ['refused', 'connection refused'],
  [wispReason.blocked]: [
    'prohibited',
    'closed by the relay: private, local and reserved addresses are, but for what it was started to allow',
  ],
  [wispReason.throttled]: ['prohibited', 'the relay has too much to do for this page'],
}

function refusalOf(reason: number): EgressError {
  const [refusal, message] = refusals[reason] ?? ['no-network', 'the relay could not connect']
  return new EgressError(refusal, message)
}

const reasonText = (reason: number): string =>
  reason === wispReason.idle
    ? 'nothing was sent for too long'
    : reason === wispReason.throttled
      ? "the relay's limit of bytes is reached"
      : 'reset by the other side'
