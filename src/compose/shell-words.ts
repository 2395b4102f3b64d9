import { ComposeError } from './compose-error.ts'

/** A command line as words, as go-shellwords cuts it: quotes and backslashes, no variables. */
export function shellWords(line: string): string[] {
  const words: string[] = []
  let word = ''
  let begun = false
  let quote: '"' | "'" | undefined
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at)
    if (char === '\\' && quote !== "'" && at + 1 < line.length) {
      word += line.charAt(++at)
      begun = true
    } else if (quote !== undefined) {
      if (char === quote) quote = undefined
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      begun = true
    } else if (/[ \t\r\n]/.test(char)) {
      if (begun) words.push(word)
      word = ''
      begun = false
    } else if (/[;&|<>]/.test(char)) {
      break
    } else {
      word += char
      begun = true
    }
  }
  if (quote !== undefined) throw new ComposeError('invalid command line string')
  if (begun) words.push(word)
  return words
}
