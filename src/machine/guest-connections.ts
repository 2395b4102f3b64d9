import type { GuestEvent, OpenFrame } from '../core/guest-protocol.ts'
import type { GuestConnection } from '../ports/machine/guest.ts'
import { framedDuplex } from './framed-duplex.ts'
import type { FrameStream } from './frame-stream.ts'

/** Connections that may wait for their reader. */
const CONNECTIONS_MAX = 256

/** Accepts what guestd announces, while somebody reads. */
export class GuestConnections implements Disposable {
  readonly accepted: ReadableStream<GuestConnection>
  readonly #openStream: (open: OpenFrame) => Promise<FrameStream>
  readonly #log: (line: string) => void
  #controller: ReadableStreamDefaultController<GuestConnection> | undefined

  constructor(openStream: (open: OpenFrame) => Promise<FrameStream>, log: (line: string) => void) {
    this.#openStream = openStream
    this.#log = log
    this.accepted = new ReadableStream({
      start: (controller) => {
        this.#controller = controller
      },
      cancel: () => {
        this.#controller = undefined
      },
    })
  }

  announce({ connection, service }: GuestEvent & { readonly event: 'connection' }): void {
    // Nobody takes them: guestd closes what is not accepted.
    if ((this.#controller?.desiredSize ?? 0) < -CONNECTIONS_MAX) return
    this.#accept(connection, service).catch((error: unknown) =>
      this.#log(`machine: a connection to ${service} was lost: ${String(error)}`),
    )
  }

  async #accept(connection: number, service: GuestConnection['service']): Promise<void> {
    const frames = await this.#openStream({ channel: 'accept', connection })
    this.#controller?.enqueue({ service, stream: framedDuplex(frames) })
  }

  [Symbol.dispose](): void {
    this.#controller?.close()
    this.#controller = undefined
  }
}
