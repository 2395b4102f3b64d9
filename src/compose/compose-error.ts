/** Where in which file; line and column begin at 1. */
export interface SourcePosition {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A project that can't be loaded, in Compose's own sentence. */
export class ComposeError extends Error {
  override readonly name = 'ComposeError'
  /** Of the key, such as `services.web.image`. */
  readonly path: string | undefined
  position: SourcePosition | undefined

  constructor(message: string, options: ErrorOptions & { readonly path?: string } = {}) {
    super(message, options)
    this.path = options.path
  }
}
