import { isNotFound } from '../../client/client-error.ts'
import type { CliHost, TerminalSize } from '../../ports/cli-host.ts'
import type { TextOutput } from '../text-output.ts'

const ATTEMPTS = 10

/**
 * Give a process's terminal the size of the user's, now and after every change.
 * @returns ends it
 */
export function followTerminal(
  host: CliHost,
  err: TextOutput,
  resize: (size: TerminalSize) => Promise<void>,
): () => void {
  const stopped = new AbortController()
  const send = async (): Promise<boolean> => {
    const size = host.size()
    if (size.cols === 0 && size.rows === 0) return true
    return resize(size).then(
      () => true,
      (error: unknown) => isNotFound(error),
    )
  }
  const first = async (): Promise<void> => {
    // The process may not have started yet.
    for (let attempt = 0; attempt <= ATTEMPTS && !stopped.signal.aborted; attempt++) {
      if (await send()) return
      await new Promise((resolve) => setTimeout(resolve, attempt * 10))
    }
    if (!stopped.signal.aborted) await err.line('failed to resize tty, using default size')
  }
  first().catch(() => undefined)
  const release = host.onResize(() => void send())
  return () => {
    stopped.abort()
    release()
  }
}
