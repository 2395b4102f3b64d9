import type { Clock } from '../ports/clock.ts'

const TICK = 1_000
const PING_EVERY = 5_000
const SILENCE_MAX = 15_000
/** A tick that comes this late: the page was frozen or the machine slept, and the guest with it. */
const FROZEN = 3_000
/** Milliseconds that the wall clock may part from the monotonic one. */
const DRIFT = 500

export interface Watched {
  ping(signal: AbortSignal): Promise<unknown>
  /** No answer for 15 s in which the host was awake. */
  onSilence(): void
  /** The host slept or its wall clock was set: the guest's is wrong. */
  onWake(): void
}

/** Watches a guest until the signal aborts. */
export async function watch(guest: Watched, clock: Clock, signal: AbortSignal): Promise<void> {
  let silence = 0
  let sincePing = 0
  let waiting = false
  let before = clock.monotonic()
  let offset = clock.now() - before
  while (!signal.aborted) {
    try {
      await clock.sleep(TICK, signal)
    } catch {
      return
    }
    const now = clock.monotonic()
    const passed = now - before
    before = now
    const parted = clock.now() - now
    if (passed > FROZEN || Math.abs(parted - offset) > DRIFT) guest.onWake()
    offset = parted
    const awake = Math.min(passed, TICK * 1.5)
    sincePing += awake
    silence = waiting ? silence + awake : 0
    if (silence >= SILENCE_MAX) {
      guest.onSilence()
      return
    }
    if (!waiting && sincePing >= PING_EVERY) {
      waiting = true
      sincePing = 0
      const answered = () => {
        waiting = false
      }
      // A broken control stream is told elsewhere.
      guest.ping(signal).then(answered, () => undefined)
    }
  }
}
