/** Room that nothing is stored in, given up when there is no other. One call after the other. */
export interface Reserve {
  /** Bytes that are kept now. */
  readonly size: number
  /** Where it is known before a write fails that only the reserve is left: a sentence. */
  probe(): string | undefined
  /** Keep nothing any more. @throws EngineError `unavailable` when the store refuses even that */
  release(): Promise<void>
  /**
   * Keep it all (again), and prove by a write that the store takes something. What was taken stays when it fails or is
   * aborted: `release` gives it back.
   * @returns false when there is no room for it
   * @throws EngineError `unavailable` when the store fails otherwise
   */
  fill(signal: AbortSignal): Promise<boolean>
  /** Never more from now on than half of what there is room for. */
  shrink(): Promise<void>
}
