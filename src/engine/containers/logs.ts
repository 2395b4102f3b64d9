import { encodeStdcopy } from '../../codec/stdcopy.ts'
import { EngineError } from '../../core/error.ts'
import type { LogEntry } from '../../ports/log-store.ts'
import type { Context } from '../context.ts'
import type { Container } from './container.ts'
import { isRunning } from './record.ts'
import { parseTime } from './time.ts'

export interface LogOptions {
  readonly stdout: boolean
  readonly stderr: boolean
  readonly follow: boolean
  readonly timestamps: boolean
  /** Milliseconds since 1970, both inclusive. */
  readonly since?: number
  readonly until?: number
  /** The last entries; undefined: all. */
  readonly tail?: number
}

const encoder = new TextEncoder()

/** Milliseconds since 1970 in a double are good to a quarter of a microsecond. */
const precision = 0.0005

/**
 * A container's log as the API sends it: stdcopy frames, or raw with a terminal. It ends with the stored log or, when
 * followed, with the present run.
 * @throws EngineError `invalid-parameter`, `not-implemented` when nothing is logged
 */
export function readLogs(
  context: Context,
  container: Container,
  options: LogOptions,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  if (!options.stdout && !options.stderr) {
    throw new EngineError(
      'invalid-parameter',
      'Bad parameters: you must choose at least one stream',
    )
  }
  if (container.record.hostConfig.LogConfig.Type === 'none') {
    throw new EngineError('not-implemented', 'configured logging driver does not support reading')
  }
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const entries = wantedEntries(context, container, options, either)
  const encode = encoderOf(container.record.config.Tty, options.timestamps)
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await entries.next()
        if (done || either.aborted) controller.close()
        else controller.enqueue(encode(value))
      },
      cancel: async () => {
        stop.abort()
        await entries.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}

function encoderOf(tty: boolean, timestamps: boolean): (entry: LogEntry) => Uint8Array {
  return ({ stream, time, bytes }) => {
    let line = bytes
    if (timestamps) {
      const stamp = encoder.encode(`${time} `)
      line = new Uint8Array(stamp.length + bytes.length)
      line.set(stamp)
      line.set(bytes, stamp.length)
    }
    return tty ? line : encodeStdcopy(stream, line)
  }
}

async function* wantedEntries(
  context: Context,
  container: Container,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogEntry, void> {
  const wanted = ({ stream, time }: LogEntry): boolean =>
    options[stream] &&
    (options.since === undefined || parseNanos(time) >= options.since - precision) &&
    (options.until === undefined || parseNanos(time) <= options.until + precision)
  // Before the store is read, so that nothing falls between the two; times tell what came twice.
  using follower =
    options.follow && isRunning(container.state) ? container.followers.follow() : undefined
  let last = ''
  for await (const entry of lastEntries(stored(context, container, wanted), options.tail)) {
    last = entry.time
    yield entry
  }
  if (!follower) return
  for (;;) {
    if (options.until !== undefined && context.clock.now() > options.until) return
    const news = await follower.next(signal)
    if (!news) return
    const source = news === 'lost' ? stored(context, container, wanted) : news.filter(wanted)
    for await (const entry of source) {
      if (entry.time <= last) continue
      last = entry.time
      yield entry
    }
  }
}

async function* stored(
  context: Context,
  container: Container,
  wanted: (entry: LogEntry) => boolean,
): AsyncGenerator<LogEntry> {
  for await (const entry of context.logs.read(container.id)) if (wanted(entry)) yield entry
}

async function* lastEntries(
  entries: AsyncIterable<LogEntry>,
  count: number | undefined,
): AsyncGenerator<LogEntry> {
  if (count === undefined) {
    yield* entries
    return
  }
  const ring: LogEntry[] = []
  for await (const entry of entries) {
    ring.push(entry)
    if (ring.length > count * 2 + 1000) ring.splice(0, ring.length - count)
  }
  if (count > 0) yield* ring.slice(-count)
}

/** Milliseconds with their fraction. */
const parseNanos = (time: string): number =>
  parseTime(`${time.slice(0, 23)}Z`) + Number(time.slice(23, 29)) / 1e6
