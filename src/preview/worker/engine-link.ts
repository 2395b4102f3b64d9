import {
  WINDOW,
  type HeaderList,
  type PreviewAnswer,
  type PreviewCookie,
  type PreviewFailure,
  type PreviewMessage,
} from '../../link/preview.ts'
import type { Upload } from './upload.ts'

/** Milliseconds to wait for the playground's page to give a channel. */
const CHANNEL_TIME = 15_000
/** Milliseconds after which an open answer needs pings: browsers stop a service worker after 30 s without an event. */
const BUSY_TIME = 5_000
/** Bytes taken before credit is given. */
const CREDIT_STEP = WINDOW / 4

export class PreviewError extends Error {
  readonly failure: PreviewFailure
  constructor(failure: PreviewFailure, message: string) {
    super(message)
    this.failure = failure
  }
}

export type AnswerHead = Extract<PreviewAnswer, { kind: 'head' }>

export interface LinkRequest {
  readonly method: string
  readonly path: string
  readonly headers: HeaderList
  readonly referrer: string | undefined
  readonly credentials: boolean
  readonly upload: Upload | undefined
}

/** One request under way. */
interface Open {
  readonly head: (answer: AnswerHead) => void
  readonly chunk: (bytes: ArrayBuffer) => void
  readonly end: () => void
  readonly fail: (error: PreviewError) => void
  readonly credit: (bytes: number) => void
}

export interface LinkEvents {
  /** There is no channel: ask for one. */
  readonly onLost: () => void
  /** A script changed them, or tried to. */
  readonly onCookies: (cookies: readonly PreviewCookie[]) => void
  /** An answer has been open for a while. */
  readonly onBusy: () => void
}

/** Requests to the engine's worker over whatever channel there is. It outlives channels, not the service worker. */
export class EngineLink {
  readonly #events: LinkEvents
  readonly #open = new Map<number, Open>()
  #channel: MessagePort | undefined
  #waiting:
    | { readonly channel: Promise<MessagePort>; readonly give: (port: MessagePort) => void }
    | undefined
  #lastId = 0
  #busyTimer: ReturnType<typeof setTimeout> | undefined

  constructor(events: LinkEvents) {
    this.#events = events
  }

  get isBusy(): boolean {
    return this.#open.size > 0
  }

  /** A new channel; the one before is dead, with what was open on it. */
  connect(channel: MessagePort): void {
    this.#channel?.close()
    this.#channel = channel
    for (const open of this.#open.values()) {
      open.fail(new PreviewError('broken', 'The playground was loaded anew.'))
    }
    channel.addEventListener('message', ({ data }: MessageEvent<PreviewAnswer>) => {
      if (this.#channel === channel) this.#take(data)
    })
    channel.start()
    this.#waiting?.give(channel)
    this.#waiting = undefined
  }

  /** Hand on a message that has no answer. */
  async send(message: PreviewMessage, transfer: Transferable[] = []): Promise<void> {
    const channel = await this.#ready()
    channel.postMessage(message, transfer)
  }

  /**
   * @returns the answer's head, and its body when it has one
   * @throws PreviewError; the signal's reason
   */
  async request(
    request: LinkRequest,
    signal: AbortSignal,
  ): Promise<{ readonly head: AnswerHead; readonly body: ReadableStream<Uint8Array> | null }> {
    const channel = await this.#ready()
    signal.throwIfAborted()
    this.#lastId++
    const id = this.#lastId
    const answer = new Answer(
      (bytes) => channel.postMessage({ kind: 'credit', id, bytes } satisfies PreviewMessage),
      () => channel.postMessage({ kind: 'cancel', id } satisfies PreviewMessage),
      () => this.#finish(id),
    )
    this.#open.set(id, answer)
    this.#busyTimer ??= setTimeout(() => this.#events.onBusy(), BUSY_TIME)
    signal.addEventListener('abort', () => answer.cancel(signal.reason), { once: true })
    const { upload, referrer, ...rest } = request
    channel.postMessage({
      kind: 'req',
      id,
      ...rest,
      ...(referrer === undefined ? {} : { referrer }),
      hasBody: upload !== undefined,
      ...(upload === undefined ? {} : { length: upload.length }),
    } satisfies PreviewMessage)
    if (upload) void this.#upload(channel, id, upload, answer)
    const head = await answer.headed
    return { head, body: head.hasBody ? answer.body : null }
  }

  async #upload(channel: MessagePort, id: number, upload: Upload, answer: Answer): Promise<void> {
    try {
      for await (const bytes of upload.chunks()) {
        await answer.room(bytes.byteLength)
        if (!this.#open.has(id)) return
        channel.postMessage({ kind: 'body', id, bytes } satisfies PreviewMessage, [bytes])
      }
      channel.postMessage({ kind: 'bodyend', id } satisfies PreviewMessage)
    } catch (error) {
      // The file behind the body can't be read any more.
      answer.cancel(error)
    }
  }

  #take(answer: PreviewAnswer): void {
    if (answer.kind === 'cookies') {
      this.#events.onCookies(answer.cookies)
      return
    }
    const open = this.#open.get(answer.id)
    if (!open) return
    switch (answer.kind) {
      case 'head':
        open.head(answer)
        return
      case 'chunk':
        open.chunk(answer.bytes)
        return
      case 'end':
        open.end()
        return
      case 'credit':
        open.credit(answer.bytes)
        return
      case 'err':
        open.fail(new PreviewError(answer.failure, answer.message))
    }
  }

  #finish(id: number): void {
    this.#open.delete(id)
    if (this.#open.size > 0) return
    // What was told is taken back at the next ping.
    clearTimeout(this.#busyTimer)
    this.#busyTimer = undefined
  }

  async #ready(): Promise<MessagePort> {
    if (this.#channel) return this.#channel
    if (!this.#waiting) {
      let give: (port: MessagePort) => void = () => undefined
      const channel = new Promise<MessagePort>((resolve, reject) => {
        const timer = setTimeout(() => {
          this.#waiting = undefined
          reject(
            new PreviewError(
              'closed',
              'The playground is not there. Open this port from its page.',
            ),
          )
        }, CHANNEL_TIME)
        give = (port) => {
          clearTimeout(timer)
          resolve(port)
        }
      })
      this.#waiting = { channel, give }
      this.#events.onLost()
    }
    return this.#waiting.channel
  }
}

/** An answer as it arrives: the browser takes bytes, the other side gets credit for them. */
class Answer implements Open {
  readonly headed: Promise<AnswerHead>
  readonly body: ReadableStream<Uint8Array>
  head: (answer: AnswerHead) => void = () => undefined
  readonly #finish: () => void
  readonly #sendCancel: () => void
  #reject: (error: unknown) => void = () => undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #queue: ArrayBuffer[] = []
  #hungry = false
  #ended = false
  #over = false
  #taken = 0
  #room = WINDOW
  #wakeRoom: () => void = () => undefined
  readonly #credit: (bytes: number) => void

  constructor(credit: (bytes: number) => void, sendCancel: () => void, finish: () => void) {
    this.#credit = credit
    this.#sendCancel = sendCancel
    this.#finish = finish
    this.headed = new Promise((resolve, reject) => {
      this.head = resolve
      this.#reject = reject
    })
    this.headed.then(
      ({ hasBody }) => !hasBody && this.#close(),
      () => undefined,
    )
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => {
          this.#hungry = true
          this.#deliver()
        },
        cancel: (reason) => this.cancel(reason),
      },
      { highWaterMark: 0 },
    )
  }

  chunk(bytes: ArrayBuffer): void {
    this.#queue.push(bytes)
    this.#deliver()
  }

  end(): void {
    this.#ended = true
    this.#deliver()
  }

  fail(error: unknown): void {
    if (this.#over) return
    this.#reject(error)
    this.#controller?.error(error)
    this.#close()
  }

  credit(bytes: number): void {
    this.#room += bytes
    this.#wakeRoom()
  }

  /** Wait until so many bytes of the request may be sent, or it is over. */
  async room(bytes: number): Promise<void> {
    while (this.#room < bytes && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wakeRoom = resolve
      })
    }
    this.#room -= bytes
  }

  /** Nobody wants it any more. */
  cancel(reason: unknown): void {
    if (this.#over) return
    this.#sendCancel()
    this.fail(reason)
  }

  #deliver(): void {
    if (this.#over || !this.#hungry) return
    const bytes = this.#queue.shift()
    if (bytes) {
      this.#hungry = false
      this.#taken += bytes.byteLength
      if (this.#taken >= CREDIT_STEP) {
        this.#credit(this.#taken)
        this.#taken = 0
      }
      this.#controller?.enqueue(new Uint8Array(bytes))
    } else if (this.#ended) {
      this.#controller?.close()
      this.#close()
    }
  }

  #close(): void {
    if (this.#over) return
    this.#over = true
    this.#queue = []
    this.#wakeRoom()
    this.#finish()
  }
}
