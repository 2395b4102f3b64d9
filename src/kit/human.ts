import { humanDuration } from '../codec/human-duration.ts'

/** Sizes, durations and texts as Docker shows them (docker/go-units; docker/cli formatter). */

const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']

/** Go's `%.Ng`. */
function general(value: number, precision: number): string {
  const text = value.toPrecision(precision)
  if (!text.includes('e')) return text.includes('.') ? text.replace(/\.?0+$/, '') : text
  const [mantissa = '', exponent = ''] = text.split('e')
  const digits = exponent.slice(1).padStart(2, '0')
  return `${mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa}e${exponent[0]}${digits}`
}

function scaled(bytes: number, base: number, units: readonly string[], precision: number): string {
  let size = bytes
  let unit = 0
  while (size >= base && unit < units.length - 1) {
    size /= base
    unit++
  }
  return general(size, precision) + (units[unit] ?? '')
}

/** `4.26MB` */
export const humanSize = (bytes: number, precision = 3): string =>
  scaled(bytes, 1000, decimalUnits, precision)
/** `4.063MiB` */
export const binarySize = (bytes: number): string => scaled(bytes, 1024, binaryUnits, 4)

/** `5 minutes ago` */
export const ago = (seconds: number, now: number = Date.now()): string =>
  `${humanDuration(now - seconds * 1000)} ago`

/** Go's time.Time.String of seconds since 1970. */
export const goTime = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().replace('T', ' ').replace(/\..*$/, ' +0000 UTC')

export function ellipsis(text: string, width: number): string {
  const characters = Array.from(text)
  if (characters.length <= width) return text
  return width <= 1
    ? characters.slice(0, width).join('')
    : `${characters.slice(0, width - 1).join('')}…`
}

/** Numbers within names by their value: `net2` before `net10` (fvbommel/sortorder, which Docker sorts lists with). */
export function naturally(left: string, right: string): number {
  const parts = (text: string): string[] => text.match(/\d+|\D/g) ?? []
  const [ours, theirs] = [parts(left), parts(right)]
  for (const [at, part] of ours.entries()) {
    const other = theirs[at]
    if (other === undefined) return 1
    const numbers = /^\d/.test(part) && /^\d/.test(other) ? Number(part) - Number(other) : 0
    if (numbers !== 0) return numbers
    if (part !== other) return part < other ? -1 : 1
  }
  return ours.length - theirs.length
}

/** Go's strconv.Quote, near enough: what JSON escapes otherwise is rare in commands. */
export const quote = (text: string): string =>
  JSON.stringify(text).replaceAll(/\\u00([0-9a-f]{2})/g, (_, hex: string) => `\\x${hex}`)
