import { EngineError } from '../../../core/error.ts'
import { NoSpaceError } from '../../../core/no-space.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** What the engine says of a failed file operation; errors of its own pass as they are. */
export function diskError(cause: unknown, action: string): unknown {
  const { code } = cause as { code?: unknown }
  if (typeof code !== 'string' || cause instanceof EngineError || !(cause instanceof Error))
    return cause
  return FULL.has(code)
    ? new NoSpaceError(`${action}: no space left on device`, { cause })
    : new EngineError('internal', `${action}: ${cause.message}`, { cause })
}
