import { ComposeError } from './compose-error.ts'

export type Lookup = (name: string) => string | undefined

/** A `$` that begins nothing; the message is set where the place is known. */
export class InvalidTemplate extends Error {
  override readonly name = 'InvalidTemplate'
}

// compose-go v2.9.1, template.DefaultPattern: braces are matched greedily and cut at their end afterwards.
const pattern = /\$(?:(\$)|([_a-z][_a-z0-9]*)|\{(?:([_a-z][_a-z0-9]*(?::?[-+?](.*))?)\}|()))/gi
const operators = [':?', '?', ':-', '-', ':+', '+'] as const

/**
 * Replaces `$NAME` and `${NAME…}` with every modifier; `$$` is a dollar.
 * @throws InvalidTemplate, or ComposeError when a required variable is not set
 */
export function substitute(text: string, lookup: Lookup, warn: (message: string) => void): string {
  if (!text.includes('$')) return text
  return text.replaceAll(pattern, (found: string) => {
    const end = closingBrace(found)
    const rest = end < 0 ? '' : found.slice(end + 1)
    const head = end < 0 ? found : found.slice(0, end + 1)
    pattern.lastIndex = 0
    const match = new RegExp(pattern.source, 'i').exec(head)
    const [, escaped, named, braced] = match ?? []
    if (escaped) return escaped
    const substitution = named ?? braced
    if (!substitution) throw new InvalidTemplate(text)
    if (named === undefined) {
      const value = modified(substitution, found, lookup, warn)
      if (value !== undefined) return value + substitute(rest, lookup, warn)
    }
    const value = lookup(substitution)
    if (value === undefined) {
      warn(`The "${substitution}" variable is not set. Defaulting to a blank string.`)
    }
    return (value ?? '') + (named === undefined ? substitute(rest, lookup, warn) : '')
  })
}

/** What a modifier makes of it; undefined when there is none. */
function modified(
  substitution: string,
  found: string,
  lookup: Lookup,
  warn: (message: string) => void,
): string | undefined {
  const operator = operators
    .map((name) => ({ name, at: found.indexOf(name) }))
    .filter(({ at }) => at >= 0)
    .reduce<{ name: (typeof operators)[number]; at: number } | undefined>(
      (first, next) => (first && first.at <= next.at ? first : next),
      undefined,
    )?.name
  const at = operator === undefined ? -1 : substitution.indexOf(operator)
  if (operator === undefined || at < 0) return undefined
  const name = substitution.slice(0, at)
  const word = substitute(substitution.slice(at + operator.length), lookup, warn)
  const value = lookup(name)
  const there = value !== undefined && (!operator.startsWith(':') || value !== '')
  switch (operator) {
    case ':-':
    case '-':
      return there ? value : word
    case ':+':
    case '+':
      return there ? word : (value ?? '')
    case ':?':
    case '?':
      if (there) return value
      throw new ComposeError(
        `required variable ${name} is missing a value${word === '' ? '' : `: ${word}`}`,
      )
    default:
      return undefined
  }
}

function closingBrace(text: string): number {
  let open = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '}' && --open === 0) return at
    if (text[at] === '{') {
      open++
      at++
    }
  }
  return -1
}
