import type { ProgressMessage } from '../../core/engine-api.ts'
import type { Clock } from '../../ports/clock.ts'

/** Messages that wait for a client; a client that doesn't read holds the pull up. */
const QUEUE = 256
/** As moby limits it (pkg/progress/progressreader.go), in milliseconds. */
const INTERVAL = 100

/** Progress of one operation, as a stream for its client. */
export class Progress {
  readonly stream: ReadableStream<ProgressMessage>
  readonly #writer: WritableStreamDefaultWriter<ProgressMessage>

  constructor() {
    const { readable, writable } = new TransformStream<ProgressMessage, ProgressMessage>(
      {},
      { highWaterMark: QUEUE },
      { highWaterMark: 0 },
    )
    this.stream = readable
    this.#writer = writable.getWriter()
    // Told to whoever waits for `ready` as well.
    this.#writer.closed.catch(() => undefined)
  }

  /** @throws when the client has gone */
  async send(message: ProgressMessage): Promise<void> {
    await this.#writer.ready
    this.#writer.write(message).catch(() => undefined)
  }

  status(id: string, status: string): Promise<void> {
    return this.send({ status, progressDetail: {}, id })
  }

  count(id: string, status: string, current: number, total: number): Promise<void> {
    return this.send({
      status,
      progressDetail: { current, total },
      progress: barOf(current, total),
      id,
    })
  }

  async close(): Promise<void> {
    await this.#writer.close().catch(() => undefined)
  }

  /** The last message of an operation that failed after its stream began. */
  async fail(error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error)
    try {
      await this.send({ errorDetail: { message }, error: message })
    } catch {
      // Nobody is left to tell.
    }
    await this.close()
  }
}

/** Counts bytes of a layer; tells them seldom. */
export function counter(
  clock: Clock,
  tell: (current: number) => Promise<void>,
): (bytes: number) => Promise<void> {
  let current = 0
  let last = Number.NEGATIVE_INFINITY
  return async (bytes) => {
    current += bytes
    const now = clock.monotonic()
    if (now - last < INTERVAL) return
    last = now
    await tell(current)
  }
}

/** moby pkg/jsonmessage, JSONProgress.String, for a terminal that is wide enough. */
function barOf(current: number, total: number): string {
  if (total <= 0) return human(current).padStart(8)
  const half = Math.min(50, Math.floor(Math.floor((current / total) * 100) / 2))
  return `[${'='.repeat(half)}>${' '.repeat(50 - half)}] ${human(current).padStart(8)}/${human(total)}`
}

/** docker/go-units HumanSize: four significant digits, powers of 1000. */
function human(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${Number(value.toPrecision(4))}${units[unit] ?? ''}`
}
