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
