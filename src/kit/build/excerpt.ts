/**
 * Lines of a Dockerfile around those that are meant (BuildKit solver/errdefs/source.go, Print).
 * @param marked those of them that are meant, if not all are
 */
export function excerpt(
  file: string,
  source: string,
  from: number,
  to: number,
  marked?: readonly number[],
): string {
  const lines = source.split('\n')
  if (from < 1 || from > lines.length) return ''
  let start = from
  let end = Math.min(to, lines.length)
  const pad = start === end ? 4 : 2
  for (let added = 0; added < pad; added++) {
    if (start > 1) {
      start--
      added++
    }
    if (end !== lines.length) {
      end++
      added++
    }
  }
  const shown = lines.slice(start - 1, end).map((line, at) => {
    const number = start + at
    const isMeant = number >= from && number <= to && (marked?.includes(number) ?? true)
    const mark = isMeant ? '>>>' : '   '
    return ` ${String(number).padStart(3)} | ${mark} ${line.replace(/\r$/, '')}\n`
  })
  const rule = '--------------------\n'
  return `${file}:${from}\n${rule}${shown.join('')}${rule}`
}
