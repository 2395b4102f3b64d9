import { EngineError, type ErrorCode } from '../../core/error.ts'

export interface Place {
  /** Lines of the Dockerfile, from 1. */
  readonly startLine: number
  readonly endLine: number
}

/** A step that failed, and where it stands. */
export class BuildError extends EngineError {
  readonly place: Place | undefined
  /** Exit code of the step's process. */
  readonly exitCode: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly place?: Place | undefined
      readonly exitCode?: number
      readonly cause?: unknown
    } = {},
  ) {
    super(code, message, { cause: options.cause })
    this.place = options.place
    this.exitCode = options.exitCode
  }
}

/** Adds the place to an error that has none; an abort passes through. */
export function located(error: unknown, place: Place): unknown {
  if (error instanceof BuildError && error.place) return error
  if (error instanceof BuildError) {
    return new BuildError(error.code, error.message, {
      place,
      cause: error,
      ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }),
    })
  }
  if (error instanceof EngineError) {
    return new BuildError(error.code, error.message, { place, cause: error })
  }
  if (error instanceof Error && error.name === 'Error') {
    return new BuildError('invalid-parameter', error.message, { place, cause: error })
  }
  return error
}
