const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/**
 * `1m30s` in nanoseconds (Go's time.ParseDuration).
 * @throws Error in Go's words
 */
export function parseDuration(text: string): number {
  const quoted = JSON.stringify(text)
  const rest = text.replace(/^[-+]/, '')
  if (rest === '0') return 0
  if (rest === '') throw new Error(`time: invalid duration ${quoted}`)
  const part = /(\d+\.?\d*|\.\d+)([^\d.]*)/y
  let total = 0
  while (part.lastIndex < rest.length) {
    const match = part.exec(rest)
    if (!match) throw new Error(`time: invalid duration ${quoted}`)
    const [, amount, unit = ''] = match
    if (unit === '') throw new Error(`time: missing unit in duration ${quoted}`)
    const scale = NANOSECONDS[unit]
    if (scale === undefined) {
      throw new Error(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`)
    }
    total += Number(amount) * scale
  }
  return Math.round(text.startsWith('-') ? -total : total)
}

/** Nanoseconds as Go's Duration prints them: `1m30s`, `0s`, `1.5ms`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds < 0) return `-${formatDuration(-nanoseconds)}`
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
