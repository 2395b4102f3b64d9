import { EngineError } from '../../core/error.ts'

/** Why a process could not start, in Docker's words and with the exit code it shows (moby daemon/start.go, errors.go). */
export interface StartFailure {
  readonly error: EngineError
  readonly exitCode: number
}

const prefixes = {
  start:
    'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ',
  exec: 'OCI runtime exec failed: exec failed: unable to start container process: ',
} as const

/** @param cause what the machine threw, in runc's words */
export function startFailure(kind: 'start' | 'exec', cause: unknown): StartFailure {
  const told = cause instanceof Error ? cause.message : String(cause)
  // runc names what execve said of a directory, too.
  const reason = told.endsWith(': is a directory') ? `${told}: permission denied` : told
  if (cause instanceof EngineError && cause.code === 'unavailable') {
    return { error: cause, exitCode: 128 }
  }
  const text = reason.toLowerCase()
  const code = (
    cause instanceof Error ? (cause.cause as { code?: unknown } | undefined) : undefined
  )?.code
  const exitCode =
    code === 'not-found' ||
    text.includes('executable file not found') ||
    text.includes('no such file or directory')
      ? 127
      : code === 'not-executable' ||
          text.includes('permission denied') ||
          text.includes('is a directory')
        ? 126
        : text.includes('not a directory')
          ? 127
          : text.includes('exec format error')
            ? 126
            : 128
  const error = new EngineError(
    exitCode === 128 ? 'internal' : 'invalid-parameter',
    `${reason.startsWith('Cwd must be') && kind === 'exec' ? 'OCI runtime exec failed: exec failed: ' : prefixes[kind]}${reason}`,
    { cause },
  )
  return { error, exitCode }
}
