/** How Go prints values: `%v` and the verbs of fmt. */

/** `fmt.Sprint` of one value. */
export function goPrint(value: unknown): string {
  if (value === undefined) return '<no value>'
  if (value === null) return '<nil>'
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
    return String(value)
  }
  if (Array.isArray(value)) return `[${value.map(goPrint).join(' ')}]`
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
    return `map[${entries.map(([key, item]) => `${key}:${goPrint(item)}`).join(' ')}]`
  }
  return ''
}

/** `fmt.Sprint`: blanks only between operands of which neither is a string. */
export function goSprint(values: readonly unknown[]): string {
  let text = ''
  for (const [index, value] of values.entries()) {
    const before = values[index - 1]
    if (index > 0 && typeof value !== 'string' && typeof before !== 'string') text += ' '
    text += goPrint(value)
  }
  return text
}

const verb = /%([-+# 0]*)(\d+|\*)?(?:\.(\d+|\*)?)?([a-zA-Z%])/g

/** `fmt.Sprintf`. */
export function goSprintf(format: string, values: readonly unknown[]): string {
  const rest = [...values]
  const number = (text: string | undefined): number | undefined =>
    text === '*' ? Number(rest.shift()) : text === undefined ? undefined : Number(text)
  const text = format.replaceAll(
    verb,
    (
      whole,
      flags: string,
      wide: string | undefined,
      precise: string | undefined,
      letter: string,
    ) => {
      if (letter === '%') return '%'
      const width = number(wide) ?? 0
      const precision = whole.includes('.') ? (number(precise) ?? 0) : undefined
      if (rest.length === 0) return `%!${letter}(MISSING)`
      const printed = one(letter, rest.shift(), precision, flags)
      if (flags.includes('-')) return printed.padEnd(width)
      if (!flags.includes('0')) return printed.padStart(width)
      const sign = /^[-+]/.exec(printed)?.[0] ?? ''
      return sign + printed.slice(sign.length).padStart(width - sign.length, '0')
    },
  )
  if (rest.length === 0) return text
  return `${text}%!(EXTRA ${rest.map((value) => `${goType(value)}=${goPrint(value)}`).join(', ')})`
}

function one(letter: string, value: unknown, precision: number | undefined, flags: string): string {
  const sign = flags.includes('+') && typeof value === 'number' && value >= 0 ? '+' : ''
  switch (letter) {
    case 'v':
      return sign + goPrint(value)
    case 's':
      return Array.from(goPrint(value)).slice(0, precision).join('')
    case 'q':
      return Array.isArray(value)
        ? `[${value.map((item) => JSON.stringify(goPrint(item))).join(' ')}]`
        : JSON.stringify(goPrint(value))
    case 'T':
      return goType(value)
    case 't':
      return typeof value === 'boolean' ? String(value) : wrong(letter, value)
    case 'd':
      return typeof value === 'number' ? sign + String(Math.trunc(value)) : wrong(letter, value)
    case 'f':
    case 'F':
      return typeof value === 'number' ? sign + value.toFixed(precision ?? 6) : wrong(letter, value)
    case 'e':
      return typeof value === 'number' ? value.toExponential(precision ?? 6) : wrong(letter, value)
    case 'g':
      return typeof value === 'number' ? String(value) : wrong(letter, value)
    case 'c':
      return typeof value === 'number' ? String.fromCodePoint(value) : wrong(letter, value)
    case 'b':
      return typeof value === 'number' ? value.toString(2) : wrong(letter, value)
    case 'o':
      return typeof value === 'number' ? value.toString(8) : wrong(letter, value)
    case 'x':
    case 'X': {
      const text =
        typeof value === 'number'
          ? value.toString(16)
          : [...new TextEncoder().encode(goPrint(value))]
              .map((byte) => byte.toString(16).padStart(2, '0'))
              .join('')
      return letter === 'X' ? text.toUpperCase() : text
    }
    default:
      return wrong(letter, value)
  }
}

const wrong = (letter: string, value: unknown): string =>
  `%!${letter}(${goType(value)}=${goPrint(value)})`

/** The name of the type that the value would have in Go. */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}

/** Go's encoding/json escapes what HTML could misread. */
export const goJson = (value: unknown, indent?: string): string =>
  (JSON.stringify(value, undefined, indent) ?? 'null').replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
