/** Patterns of `${name#pattern}` and its kin (BuildKit frontend/dockerfile/shell/lex.go, convertShellPatternToRegex). */

/**
 * The pattern as the source of a regular expression: `*` and `?`; `\` takes the next character as it is.
 * @throws Error for a pattern that ends with `\`
 */
export function shellPattern(pattern: string, greedy: boolean): string {
  let source = ''
  const chars = Array.from(pattern)
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? ''
    if (char === '*') source += greedy ? '.*' : '.*?'
    else if (char === '?') source += '.'
    else if (char === '\\') {
      const escaped = chars[++at]
      if (escaped === undefined) throw new Error(`invalid escape '\\' in pattern ${pattern}`)
      source += literal(escaped)
    } else source += literal(char)
  }
  return source
}

const literal = (char: string): string => char.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/** Without the shortest, or when greedy the longest, start that matches. */
export function trimPrefix(pattern: string, value: string, greedy: boolean): string {
  return value.replace(new RegExp(`^${shellPattern(pattern, greedy)}`, 'su'), '')
}

/** Without the shortest, or when greedy the longest, end that matches. */
export function trimSuffix(pattern: string, value: string, greedy: boolean): string {
  const whole = new RegExp(`^${shellPattern(pattern, true)}$`, 'su')
  const chars = Array.from(value)
  const starts = chars.map((_, index) => index).concat(chars.length)
  if (!greedy) starts.reverse()
  for (const start of starts) {
    if (whole.test(chars.slice(start).join(''))) return chars.slice(0, start).join('')
  }
  return value
}
