/** What went wrong, and the status the Engine API answers with (moby daemon/server/httpstatus/status.go). */
export const statusOf = {
  'not-modified': 304,
  'invalid-parameter': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  internal: 500,
  'not-implemented': 501,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof statusOf

/** The one error of the engine: `message` is Docker's sentence where Docker has one. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
