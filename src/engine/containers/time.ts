import type { Clock } from '../../ports/clock.ts'

/** Go's zero time: what never happened. */
export const zeroTime = '0001-01-01T00:00:00Z'

/** RFC 3339 with nine digits of nanoseconds. */
export function formatTime(milliseconds: number): string {
  const whole = Math.floor(milliseconds)
  const nanos = Math.min(999_999, Math.floor((milliseconds - whole) * 1_000_000))
  const iso = new Date(whole).toISOString()
  return `${iso.slice(0, -1)}${String(nanos).padStart(6, '0')}Z`
}

/** Times that never repeat or go back, so that a log's entries are told apart by them. Cheap: each line takes one. */
export function strictTimes(clock: Clock): () => string {
  let second = 0
  let nanos = -1
  let prefix = ''
  return () => {
    const now = clock.now()
    const nowSecond = Math.floor(now / 1000)
    const nowNanos = Math.min(999_999_999, Math.floor((now - nowSecond * 1000) * 1_000_000))
    const later = nowSecond > second || (nowSecond === second && nowNanos > nanos)
    const before = second
    if (later) [second, nanos] = [nowSecond, nowNanos]
    else if (++nanos === 1_000_000_000) [second, nanos] = [second + 1, 0]
    if (second !== before) prefix = new Date(second * 1000).toISOString().slice(0, 20)
    return `${prefix}${String(nanos).padStart(9, '0')}Z`
  }
}

/** RFC 3339 as Go prints it: without trailing zeros of the fraction. */
export const goTime = (time: string): string =>
  time.replace(/\.(\d*?)0*Z$/, (_, digits: string) => (digits === '' ? 'Z' : `.${digits}Z`))

/** Milliseconds since 1970. */
export const parseTime = (time: string): number => Date.parse(time)

/** `3 seconds`, `About a minute`, `2 weeks` (docker/go-units HumanDuration). */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  const minutes = Math.floor(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.round(seconds / 3600)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`
  return `${Math.floor(hours / 24 / 365)} years`
}
