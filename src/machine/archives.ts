import { decodeName } from '../codec/name-bytes.ts'
import { EngineError } from '../core/error.ts'
import type { ExtractOpen, FileStat } from '../core/guest-archives.ts'
import type { OpenFrame } from '../core/guest-protocol.ts'
import type { FileChange } from '../ports/machine/files.ts'
import { isObject, parseJson, unexpected } from './frame.ts'
import type { FrameStream } from './frame-stream.ts'
import { guestError } from './guest-error.ts'

/** Opens a stream to guestd, its first frame sent. */
export type OpenStream = (open: OpenFrame, signal?: AbortSignal) => Promise<FrameStream>

/** Largest `data` frame that is sent. */
const DATA_FRAME = 65_536

const closed = (): EngineError =>
  new EngineError('unavailable', 'guestd closed the stream of an archive')

/** An `archive` channel, from guestd's first answer on. */
export interface Archive {
  readonly started: Readonly<Record<string, unknown>>
  readonly bytes: ReadableStream<Uint8Array>
}

/** @throws EngineError what guestd refused; the signal's reason */
export async function readArchive(
  open: OpenStream,
  frame: OpenFrame & { readonly channel: 'archive' },
  signal?: AbortSignal,
): Promise<Archive> {
  const stream = await open(frame, signal)
  const abort = (): void => stream.reset(reasonOf(signal))
  signal?.addEventListener('abort', abort, { once: true })
  const done = (): void => signal?.removeEventListener('abort', abort)
  const fail = (error: unknown): unknown => {
    done()
    stream.reset(error instanceof Error ? error : new Error(String(error)))
    return signal?.aborted ? signal.reason : error
  }
  try {
    signal?.throwIfAborted()
    const answer = await stream.read()
    if (!answer) throw closed()
    if (answer.kind === 'failed') throw guestError(parseJson(answer))
    if (answer.kind !== 'started') unexpected(answer)
    const bytes = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const next = await stream.read()
            if (!next) throw closed()
            if (next.kind === 'failed') throw guestError(parseJson(next))
            if (next.kind === 'data') {
              controller.enqueue(next.payload)
              return
            }
            if (next.kind !== 'end') unexpected(next)
            done()
            stream.end().catch(() => undefined)
            controller.close()
          } catch (error) {
            throw fail(error)
          }
        },
        cancel: () => void fail(new EngineError('unavailable', 'The archive is not wanted')),
      },
      { highWaterMark: 0 },
    )
    return { started: parseJson(answer), bytes }
  } catch (error) {
    throw fail(error)
  }
}

/** Sends a tar archive to an `extract` channel. Ends when guestd has written all of it. */
export async function writeArchive(
  open: OpenStream,
  frame: ExtractOpen,
  tar: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const reader = tar.getReader()
  let stream: FrameStream | undefined
  const abort = (): void => stream?.reset(reasonOf(signal))
  try {
    stream = await open({ channel: 'extract', ...frame }, signal)
    signal?.addEventListener('abort', abort, { once: true })
    signal?.throwIfAborted()
    // guestd may refuse while the archive still comes.
    const answer = answerOf(stream)
    const sent = send(stream, reader)
    for (const promise of [answer, sent]) promise.catch(() => undefined)
    await Promise.race([sent, answer])
    await answer
    stream.end().catch(() => undefined)
  } catch (error) {
    const reason = signal?.aborted ? (signal.reason as unknown) : error
    stream?.reset(error instanceof Error ? error : new Error(String(error)))
    reader.cancel(reason).catch(() => undefined)
    throw reason
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** @throws what the archive's source throws; of a broken stream the answer tells */
async function send(
  stream: FrameStream,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read()
    try {
      if (done) {
        await stream.write('end')
        return
      }
      for (let offset = 0; offset < value.length; offset += DATA_FRAME) {
        await stream.write('data', value.subarray(offset, offset + DATA_FRAME))
      }
    } catch {
      return
    }
  }
}

async function answerOf(stream: FrameStream): Promise<void> {
  const answer = await stream.read()
  if (!answer) throw closed()
  if (answer.kind === 'failed') throw guestError(parseJson(answer))
  if (answer.kind !== 'end') unexpected(answer)
}

const reasonOf = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('aborted')

const kinds: Readonly<Record<string, FileChange['kind']>> = { M: 0, A: 1, D: 2 }

/** @throws EngineError `unavailable` when guestd said something else */
export async function parseChanges(bytes: ReadableStream<Uint8Array>): Promise<FileChange[]> {
  const changes: FileChange[] = []
  let rest = new Uint8Array()
  for await (const chunk of bytes) {
    let text = chunk
    if (rest.length > 0) {
      text = new Uint8Array(rest.length + chunk.length)
      text.set(rest)
      text.set(chunk, rest.length)
    }
    let start = 0
    for (let end = text.indexOf(0); end >= 0; end = text.indexOf(0, start)) {
      const kind = kinds[String.fromCharCode(text[start] ?? 0)]
      if (kind === undefined)
        throw new EngineError('unavailable', 'guestd broke the protocol: changes')
      changes.push({ kind, path: decodeName(text.subarray(start + 1, end)) })
      start = end + 1
    }
    rest = text.slice(start)
  }
  return changes
}

/** @throws EngineError `unavailable` when guestd said something else */
export function parseStat(started: Readonly<Record<string, unknown>>): FileStat {
  const { stat } = started
  const numbers = [
    'mode',
    'uid',
    'gid',
    'size',
    'seconds',
    'nanoseconds',
    'major',
    'minor',
  ] as const
  if (
    !isObject(stat) ||
    typeof stat['linkTarget'] !== 'string' ||
    numbers.some((name) => typeof stat[name] !== 'number')
  ) {
    throw new EngineError('unavailable', 'guestd broke the protocol: stat')
  }
  return stat as unknown as FileStat
}

/** The last part of a path as an archive calls it; a directory named by its slash or dot keeps its name. */
export const archiveName = (path: string): string => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.at(-1) ?? '/'
}
