import { parseDuration } from '../codec/go-duration.ts'

/** Values of flags, in Go's notations and with Go's words when they are wrong. */

/** strconv, base 0. */
export function parseInteger(
  text: string,
  verb: 'ParseInt' | 'ParseUint' | 'Atoi',
  max?: number,
): number {
  const sign = verb === 'ParseUint' ? '' : '[+-]?'
  const shape = new RegExp(`^${sign}(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9]\\d*|0)$`)
  const match = shape.exec(text)
  if (!match) throw new Error(`strconv.${verb}: parsing ${JSON.stringify(text)}: invalid syntax`)
  const digits = (match[1] ?? '').replace(/^0(?=[0-7])/, '0o')
  const value = Number(digits) * (text.startsWith('-') ? -1 : 1)
  if (max !== undefined && value > max) {
    throw new Error(`strconv.${verb}: parsing ${JSON.stringify(text)}: value out of range`)
  }
  return value
}

const binaryUnits = 'bkmgtp'

/** `512m` → bytes (docker/go-units RAMInBytes); `-1` passes as it is. */
export function parseBytes(text: string): number {
  if (text === '-1') return -1
  const match = /^(\d+(?:\.\d+)*) ?([kKmMgGtTpP])?(?:i?[bB])?$/.exec(text)
  const amount = Number(match?.[1])
  if (!match || Number.isNaN(amount)) throw new Error(`invalid size: '${text}'`)
  return Math.floor(
    amount * 1024 ** Math.max(0, binaryUnits.indexOf((match[2] ?? 'b').toLowerCase())),
  )
}

/** `1.5` → billionths (docker/cli opts.ParseCPUs). */
export function parseDecimal(text: string): number {
  const match = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:\/(\d+))?$/.exec(text)
  if (!match) throw new Error(`failed to parse ${text} as a rational number`)
  const nano = (Number(match[1]) / Number(match[2] ?? 1)) * 1e9
  if (Math.abs(nano - Math.round(nano)) > 1e-3) throw new Error('value is too precise')
  return Math.round(nano)
}

/** `name=value`, the name in lower case. */
export function parseFilter(text: string): string {
  if (text === '') return text
  const equals = text.indexOf('=')
  if (equals < 0) throw new Error('bad format of filter (expected name=value)')
  return `${text.slice(0, equals).trim().toLowerCase()}=${text.slice(equals + 1).trim()}`
}

/** Filters as the API takes them, from `name=value` each. */
export function filtersOf(values: readonly string[]): Record<string, string[]> {
  const filters: Record<string, string[]> = {}
  for (const text of values) {
    if (text === '') continue
    const [name = '', ...value] = text.split('=')
    const known = filters[name] ?? []
    known.push(value.join('='))
    filters[name] = known
  }
  return filters
}

/** @throws Error that names the flag */
export function timestampOf(name: string, text: string, now: number): string {
  try {
    return parseTimestamp(text, now)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`invalid value for ${JSON.stringify(name)}: ${reason}`, { cause })
  }
}

/** A time for `since` and `until`: a Go duration counts back from now, else it goes to the engine in seconds. */
export function parseTimestamp(text: string, now: number): string {
  if (text === '') return text
  if (/^[-+]?(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/.test(text)) {
    return seconds(now - parseDuration(text) / 1e6)
  }
  if (/^-?\d+(\.\d+)?$/.test(text)) return text
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}(?::\d{2}(?::\d{2})?)?)(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(
      text,
    )
  if (!match) throw new Error(`failed to parse value as time or duration: ${JSON.stringify(text)}`)
  const [, date = '', clock = '00', fraction = '', zone = 'Z'] = match
  const full =
    clock.split(':').length === 1
      ? `${clock}:00:00`
      : clock.split(':').length === 2
        ? `${clock}:00`
        : clock
  const milliseconds = Date.parse(`${date}T${full}${zone}`)
  if (Number.isNaN(milliseconds))
    throw new Error(`failed to parse value as time or duration: ${JSON.stringify(text)}`)
  return `${milliseconds / 1000}.${(fraction.slice(1) || '0').padEnd(9, '0')}`
}

const seconds = (milliseconds: number): string =>
  `${Math.floor(milliseconds / 1000)}.${String(Math.floor((milliseconds % 1000) * 1e6)).padStart(9, '0')}`
