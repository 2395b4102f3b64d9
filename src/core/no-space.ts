import { EngineError } from './error.ts'

/** The store below can't take more: something must be freed first. */
export class NoSpaceError extends EngineError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options)
  }
}
