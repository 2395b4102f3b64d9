/** A request that Docker's CLI made, and the answer. */
export interface Exchange {
  readonly method: string
  /** With version and query. */
  readonly path: string
  /** Text of the body. */
  readonly sent?: string
  readonly status: number
  readonly contentType: string
  /** Text; of a hijacked connection base64. */
  readonly body: string
}

export interface Recording {
  readonly argv: readonly string[]
  /** Milliseconds since 1970. */
  readonly now: number
  readonly stdout: string
  readonly stderr: string
  readonly code: number
  readonly exchanges: readonly Exchange[]
}
