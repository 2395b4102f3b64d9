import { ComposeError } from './compose-error.ts'

const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 604_800e9,
}

/** Nanoseconds of `1m30s`; days and weeks too. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|[smhdw])/g)]
  const rest = text.replace(/^[-+]/, '')
  if (text === '0') return 0
  if (rest === '' || parts.map(([part]) => part).join('') !== rest) {
    throw new ComposeError(
      /^[\d.]+$/.test(rest)
        ? `time: missing unit in duration ${JSON.stringify(text)}`
        : `time: invalid duration ${JSON.stringify(text)}`,
    )
  }
  const sum = parts.reduce(
    (total, [, count, unit]) => total + Number(count) * (units[unit ?? ''] ?? 0),
    0,
  )
  return Math.trunc(text.startsWith('-') ? -sum : sum)
}
