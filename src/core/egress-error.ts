import type { Refusal } from './guest-egress.ts'

/** The outside can't be reached, and why: `message` is for people. */
export class EgressError extends Error {
  readonly reason: Refusal

  constructor(reason: Refusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EgressError'
    this.reason = reason
  }
}
