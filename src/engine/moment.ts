import { parseDuration } from '../codec/go-duration.ts'
import { EngineError } from '../core/error.ts'

/**
 * A time as filters give it: how long ago (`24h`), seconds since 1970 or RFC 3339 (moby api/types/time).
 * @param now milliseconds since 1970
 * @returns milliseconds since 1970
 * @throws EngineError `invalid-parameter`
 */
export function parseMoment(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const ago = durationIn(text)
  if (ago !== undefined) return now - ago / 1e6
  const parsed = Date.parse(text)
  if (Number.isNaN(parsed)) {
    throw new EngineError(
      'invalid-parameter',
      `failed to parse value as time or duration: "${text}"`,
    )
  }
  return parsed
}

function durationIn(text: string): number | undefined {
  try {
    return parseDuration(text)
  } catch {
    return undefined
  }
}
