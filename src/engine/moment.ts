import { EngineError } from '../core/error.ts'

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** A duration of Go, `1h30m`, in milliseconds; undefined when it is none. */
function parseDuration(text: string): number | undefined {
  if (!/^([\d.]+(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let total = 0
  for (const [, value, unit] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(value) * (UNITS[unit ?? ''] ?? 0)
  }
  return total
}

/**
 * A time as filters give it: how long ago (`24h`), seconds since 1970 or RFC 3339 (moby api/types/time).
 * @param now milliseconds since 1970
 * @returns milliseconds since 1970
 * @throws EngineError `invalid-parameter`
 */
export function parseMoment(text: string, now: number): number {
  const ago = parseDuration(text)
  if (ago !== undefined) return now - ago
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const parsed = Date.parse(text)
  if (Number.isNaN(parsed)) {
    throw new EngineError(
      'invalid-parameter',
      `failed to parse value as time or duration: "${text}"`,
    )
  }
  return parsed
}
