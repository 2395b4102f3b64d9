import { DetachScanner, parseDetachKeys } from '../../codec/detach-keys.ts'
import { stdcopyDecoder } from '../../codec/stdcopy.ts'
import type { Hijacked } from '../../client/api-client.ts'
import type { CliHost } from '../../ports/cli-host.ts'
import { ExitError } from '../command.ts'
import type { TextOutput } from '../text-output.ts'

export interface StreamOptions {
  readonly host: CliHost
  readonly hijacked: Hijacked
  /** Bytes go both ways as they are, and the user's terminal is raw. */
  readonly tty: boolean
  readonly stdin: boolean
  readonly out?: TextOutput | undefined
  readonly err?: TextOutput | undefined
  /** Only with a terminal; empty for none. */
  readonly detachKeys: string
  /** Leaves the streams. */
  readonly signal: AbortSignal
}

/** The user typed the detach keys; Docker's own sentence. */
export class Detached extends ExitError {
  constructor() {
    super(1, 'read escape sequence')
  }
}

/**
 * Join the user's descriptors to an attached process (docker/cli container/hijack.go) until its output ends.
 * @throws Detached; the signal's reason
 */
export async function streamHijacked(options: StreamOptions): Promise<void> {
  const { hijacked, host, tty, stdin } = options
  const raw = tty && stdin && host.tty[0]
  if (raw) await host.setRawMode(true)
  const end = new AbortController()
  const leave = new Promise<never>((_, reject) => {
    const abort = (): void => reject(options.signal.reason as Error)
    options.signal.addEventListener('abort', abort, { signal: end.signal })
    if (options.signal.aborted) abort()
  })
  try {
    const output = copyOutput(options)
    // Who only writes needs no word of it when the process ends first.
    output.catch(() => undefined)
    const input = copyInput(options, end.signal)
    const inputFailed = input.then(() => new Promise<never>(() => undefined))
    await Promise.race([output, inputFailed, leave])
  } finally {
    end.abort()
    // A user who is gone has no terminal to put back.
    if (raw) await host.setRawMode(false).catch(() => undefined)
    await hijacked.connection.writable.abort().catch(() => undefined)
  }
}

async function copyInput(options: StreamOptions, end: AbortSignal): Promise<void> {
  const { host, hijacked, tty, stdin, detachKeys } = options
  const writer = hijacked.connection.writable.getWriter()
  try {
    if (!stdin) {
      await writer.close()
      return
    }
    const keys = tty && detachKeys !== '' && new DetachScanner(parseDetachKeys(detachKeys))
    const reader = host.stdin.getReader()
    // A read that waits keeps its reader: it is given up with the command.
    end.addEventListener('abort', () => {
      reader.cancel().catch(() => undefined)
    })
    for (;;) {
      const { done, value } = await reader.read()
      if (end.aborted) return
      if (done) break
      const { bytes, detached } = keys ? keys.scan(value) : { bytes: value, detached: false }
      if (bytes.length > 0) await writer.write(bytes)
      if (detached) throw new Detached()
    }
    await writer.close()
  } catch (error) {
    // The process may close its stdin, or be gone: its output tells the rest.
    if (error instanceof Detached) throw error
  } finally {
    writer.releaseLock()
  }
}

async function copyOutput({ hijacked, tty, out, err }: StreamOptions): Promise<void> {
  const { readable } = hijacked.connection
  if (tty) {
    for await (const bytes of readable) await out?.bytes(bytes)
    return
  }
  await copyStdcopy(readable, out, err)
}

/** The two streams of a multiplexed one, each to its place. */
export async function copyStdcopy(
  readable: ReadableStream<Uint8Array>,
  out: TextOutput | undefined,
  err: TextOutput | undefined,
): Promise<void> {
  for await (const { stream, bytes } of readable.pipeThrough(stdcopyDecoder())) {
    if (stream === 'systemerr') {
      throw new ExitError(1, `error from daemon in stream: ${new TextDecoder().decode(bytes)}`)
    }
    await (stream === 'stderr' ? err : out)?.bytes(bytes)
  }
}
