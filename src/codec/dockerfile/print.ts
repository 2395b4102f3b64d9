/** The parse tree as an S-expression, one instruction a line: what BuildKit's own parser cases are written in. */
import type { Dockerfile, Instruction } from './parser.ts'

export const printTree = ({ instructions }: Dockerfile): string =>
  instructions.map((instruction) => `(${print(instruction)})`).join('\n')

function print({ name, flags, values, child }: Instruction): string {
  const parts = [name.toLowerCase()]
  if (flags.length > 0) parts.push(`[${flags.map(quote).join(' ')}]`)
  if (child) parts.push(`(${print(child)})`)
  return [...parts, ...values.map(quote)].join(' ')
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** As Go's strconv.Quote. */
const quote = (text: string): string =>
  `"${text.replaceAll(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u001f\u007f"\\]/g,
    (char) => ESCAPES[char] ?? `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
  )}"`

/** A Dockerfile's text again: each instruction on one line, without comments. Reading it gives the same instructions. */
export function printDockerfile({ instructions, escape }: Dockerfile): string {
  const directive = escape === '`' ? '# escape=`\n' : ''
  const lines = instructions.map(({ original, heredocs }) => {
    const bodies = heredocs.map(({ content, name }) => `${content}${name}\n`)
    // A line that goes on, at the end of the file: the last one alone can end so.
    const text = original.trimEnd()
    const goesOn = text.endsWith(escape) && text.at(-2) !== escape
    const more = goesOn ? ` ${escape}` : ''
    return `${original}${more}\n${bodies.join('')}`
  })
  return directive + lines.join('')
}
