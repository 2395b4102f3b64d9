/** One run of a healthcheck (HealthcheckResult of the Engine API). */
export interface HealthResult {
  /** RFC 3339 with nanoseconds. */
  readonly Start: string
  readonly End: string
  /** -1: it didn't start, or was ended. */
  readonly ExitCode: number
  readonly Output: string
}

/** Health of the Engine API, in Docker's order of members. */
export interface HealthState {
  readonly Status: 'starting' | 'healthy' | 'unhealthy'
  /** Failures since the last success. */
  readonly FailingStreak: number
  readonly Log: readonly HealthResult[]
}

/** Results that are kept (moby daemon/health.go maxLogEntries). */
const LOG_MAX = 5

/** Before the first result of a run; what earlier runs said is still there. */
export const startingHealth = (before: HealthState | undefined): HealthState => ({
  Status: 'starting',
  FailingStreak: 0,
  Log: before?.Log ?? [],
})

/** Nobody looks after it while the container is stopped or paused. */
export const unwatchedHealth = (before: HealthState): HealthState => ({
  ...before,
  Status: 'unhealthy',
  FailingStreak: 0,
})

/**
 * What a result makes of a container's health (moby daemon/health.go handleProbeResult).
 * @param rule.sparing the start period is not over: failures don't count before the first success
 */
export function nextHealth(
  before: HealthState,
  result: HealthResult,
  rule: { readonly retries: number; readonly sparing: boolean },
): HealthState {
  const Log = [...before.Log.slice(1 - LOG_MAX), result]
  if (result.ExitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log }
  if (before.Status === 'starting' && rule.sparing) return { ...before, Log }
  const FailingStreak = before.FailingStreak + 1
  return {
    Status: FailingStreak >= rule.retries ? 'unhealthy' : before.Status,
    FailingStreak,
    Log,
  }
}
