import { EngineError } from '../core/error.ts'

/** Milliseconds since 1970, from a time or a Go duration before now. */
export function pointInTime(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
  if (/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)]
    return now - parts.reduce((sum, [, n, unit = '']) => sum + Number(n) * (units[unit] ?? 0), 0)
  }
  const parsed = Date.parse(text)
  if (Number.isNaN(parsed)) {
    throw new EngineError('invalid-parameter', `invalid filter 'until=${text}'`)
  }
  return parsed
}
