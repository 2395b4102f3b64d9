/** Time and chance. `engine` has no other. */
export interface Clock {
  /** Milliseconds since 1970, with a fraction where the host has it. */
  now(): number
  /** Milliseconds from an arbitrary start, never going back. */
  monotonic(): number
  /** @throws the signal's reason when aborted */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
  randomBytes(length: number): Uint8Array
}
