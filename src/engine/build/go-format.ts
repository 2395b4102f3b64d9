/** Go's `%q` of a text and of a list, as BuildKit writes them into an image's history. */
const quoted = (text: string): string => JSON.stringify(text)

export const quotedList = (list: readonly string[]): string => `[${list.map(quoted).join(' ')}]`

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** `1m30s` in nanoseconds (Go time.ParseDuration). @throws Error in Go's words */
export function parseDuration(text: string): number {
  const body = text.replace(/^[-+]/, '')
  if (body === '0') return 0
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(body)) {
    throw new Error(
      `time: ${/\d$/.test(body) ? 'missing unit in' : 'invalid'} duration ${quoted(text)}`,
    )
  }
  let total = 0
  for (const [, value, unit] of body.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(value) * (UNITS[unit ?? ''] ?? 0)
  }
  return text.startsWith('-') ? -total : total
}

/** Nanoseconds as Go's Duration prints them: `1m30s`, `0s`, `1.5ms`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s'
  if (nanoseconds < 1e3) return `${nanoseconds}ns`
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`
  const hours = Math.floor(nanoseconds / 3600e9)
  const minutes = Math.floor((nanoseconds % 3600e9) / 60e9)
  const seconds = (nanoseconds % 60e9) / 1e9
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}
