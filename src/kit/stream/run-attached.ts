import { DEFAULT_DETACH_KEYS } from '../../codec/detach-keys.ts'
import { ExitError, type Invocation } from '../command.ts'
import { exitCode } from '../exit-code.ts'
import { Detached, streamHijacked } from './attach-streams.ts'
import { followTerminal } from './follow-terminal.ts'
import { proxySignals } from './proxy-signals.ts'

export interface RunOptions {
  /** What is attached; none of them: the id is printed instead. */
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
  /** Docker's own when undefined. */
  readonly detachKeys?: string | undefined
  readonly autoRemove: boolean
  /** Whether signals go to the container. */
  readonly proxySignals: boolean
  /** What is thrown for a start that failed. */
  readonly startFailed?: (error: unknown) => unknown
}

/**
 * Attach to a new container, watch for the end, start, stream: in this order, so that nothing is missed.
 * @returns its exit code; 0 when detached
 */
export async function runAttached(
  invocation: Invocation,
  id: string,
  options: RunOptions,
): Promise<number> {
  const { client, host, out, err, life } = invocation
  const { stdin, stdout, stderr, tty, autoRemove, startFailed = (error) => error } = options
  // Signals go to the container, and a stream lives until its process has ended.
  const leave = new AbortController()
  const stay = AbortSignal.any([leave.signal, life])
  const releases: (() => void)[] = []
  if (options.proxySignals) releases.push(proxySignals(invocation, id))
  try {
    const detachKeys = options.detachKeys ?? DEFAULT_DETACH_KEYS
    const hijacked =
      stdin || stdout || stderr
        ? await client.containers.attach(
            id,
            { stdin, stdout, stderr, ...(options.detachKeys !== undefined && { detachKeys }) },
            stay,
          )
        : undefined
    const streaming = hijacked
      ? streamHijacked({
          host,
          hijacked,
          tty,
          stdin,
          out: stdout ? out : undefined,
          err: stderr ? err : undefined,
          detachKeys,
          signal: stay,
        })
      : undefined
    streaming?.catch(() => undefined)
    const { result } = await client.containers.wait(id, autoRemove ? 'removed' : 'next-exit', life)
    try {
      await client.containers.start(id)
    } catch (error) {
      leave.abort(error)
      await streaming?.catch(() => undefined)
      if (autoRemove) await result.catch(() => undefined)
      throw startFailed(error)
    }
    if (streaming === undefined) {
      await out.line(id)
      return 0
    }
    if (tty && host.tty[1]) {
      releases.push(followTerminal(host, err, (size) => client.containers.resize(id, size)))
    }
    try {
      await streaming
    } catch (error) {
      if (error instanceof Detached) return 0
      throw error
    }
    return await exitCode(invocation, result)
  } finally {
    leave.abort(new ExitError(0))
    for (const release of releases) release()
  }
}
