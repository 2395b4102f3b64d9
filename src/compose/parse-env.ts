import { ComposeError } from './compose-error.ts'
import { substitute } from './substitute.ts'
import type { Lookup } from './substitute.ts'

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
}

const unescape = (text: string): string =>
  text.replaceAll(
    /\\(?:([abcfnrtv$"\\])|0(\d{0,3}))/g,
    (found, letter?: string, octal?: string) => {
      if (letter === '$') return '$$'
      if (letter !== undefined) return escapes[letter] ?? found
      return octal?.length === 3 ? String.fromCodePoint(Number.parseInt(octal, 8)) : found
    },
  )

/**
 * A `.env` file's variables, added to `into`; what stands there is seen by the lines after it.
 * @throws ComposeError with the line
 */
export function parseEnv(
  source: string,
  into: Map<string, string>,
  lookup: Lookup,
  warn: (message: string) => void,
): void {
  const expand = (text: string): string =>
    substitute(text, (name) => lookup(name) ?? into.get(name), warn)
  const text = source.replace(/^\uFEFF/, '')
  let at = 0
  const line = (): number => text.slice(0, at).split('\n').length
  for (;;) {
    const [skipped = ''] = /^(?:\s+|#[^\n]*)*/.exec(text.slice(at)) ?? []
    at += skipped.length
    if (at >= text.length) return
    const [exported = ''] = /^export[^\S\n]+/.exec(text.slice(at)) ?? []
    at += exported.length
    const [, name = '', end = ''] = /^([^=:\n]*)([=:\n]?)/.exec(text.slice(at)) ?? []
    const strange = /[^\p{L}\p{N}_.\-[\]\s]/u.exec(name)?.[0]
    if (strange !== undefined) {
      const whole = text.slice(at).split('\n', 1)[0] ?? ''
      throw new ComposeError(
        `line ${line()}: unexpected character ${JSON.stringify(strange)} in variable name ${JSON.stringify(whole)}`,
      )
    }
    const key = name.trimEnd()
    at += name.length + end.length
    if (key.includes(' ')) throw new ComposeError(`line ${line()}: key cannot contain a space`)
    if (end === '\n' || end === '') {
      const inherited = end === '' ? '' : lookup(key)
      if (inherited !== undefined && end !== '') into.set(key, inherited)
      continue
    }
    at += /^[^\S\n]*/.exec(text.slice(at))?.[0].length ?? 0
    const quote = text[at]
    if (quote !== '"' && quote !== "'") {
      const [whole = ''] = /^[^\n]*/.exec(text.slice(at)) ?? []
      into.set(key, expand((whole.split(' #', 1)[0] ?? '').trimEnd()))
      at += whole.length
      continue
    }
    const quoted = new RegExp(`^${quote}((?:[^${quote}\\\\]|\\\\[^])*)${quote}`).exec(
      text.slice(at),
    )
    if (!quoted) {
      throw new ComposeError(
        `line ${line()}: unterminated quoted value ${text.slice(at).split('\n', 1)[0] ?? ''}`,
      )
    }
    const value = (quoted[1] ?? '').replaceAll(`\\${quote}`, quote)
    into.set(key, quote === '"' ? expand(unescape(value)) : value)
    at += quoted[0].length
  }
}
