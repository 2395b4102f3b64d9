/** A refused or failed request. `message` is what Docker's CLI prints. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  /** Of the answer; 0 when there was none. */
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** Nobody answered at the address. */
export const cannotConnect = (address: string, cause?: unknown): ClientError =>
  new ClientError(
    0,
    `Cannot connect to the Docker daemon at ${address}. Is the docker daemon running?`,
    { cause },
  )

export const isNotFound = (error: unknown): boolean =>
  error instanceof ClientError && error.status === 404

export const isConflict = (error: unknown): boolean =>
  error instanceof ClientError && error.status === 409

export const isForbidden = (error: unknown): boolean =>
  error instanceof ClientError && error.status === 403
