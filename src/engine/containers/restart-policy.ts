import type { CompleteRestartPolicy } from '../../core/host-config.ts'

const firstDelay = 100
const longestDelay = 60_000
/** Who ran this long starts over with the shortest delay. */
const settled = 10_000

/** When a container starts again by itself (moby restartmanager). */
export class RestartBackoff {
  #delay = 0

  /**
   * @param ran milliseconds
   * @returns milliseconds to wait; undefined: it stays stopped
   */
  next(
    policy: CompleteRestartPolicy,
    exit: { readonly code: number; readonly ran: number; readonly restarts: number },
  ): number | undefined {
    this.#delay =
      exit.ran >= settled || this.#delay === 0
        ? firstDelay
        : Math.min(this.#delay * 2, longestDelay)
    const { Name: name, MaximumRetryCount: most } = policy
    const again =
      name === 'always' ||
      name === 'unless-stopped' ||
      (name === 'on-failure' && exit.code !== 0 && (most === 0 || exit.restarts < most))
    return again ? this.#delay : undefined
  }
}
