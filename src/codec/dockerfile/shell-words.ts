/**
 * Quotes, escapes and `$variables` of a Dockerfile's words, as BuildKit reads them (frontend/dockerfile/shell/lex.go).
 */
import { shellPattern, trimPrefix, trimSuffix } from './shell-pattern.ts'

export interface LexOptions {
  /** `\` unless the `escape` directive says otherwise. */
  readonly escape: '\\' | '`'
  /** Keep quotes in the result. */
  readonly rawQuotes?: boolean
  /** Keep escape characters in the result. */
  readonly rawEscapes?: boolean
  /** Quotes are characters like others. */
  readonly ignoreQuotes?: boolean
  /** Leave `$name` of unset variables as they are. */
  readonly keepUnset?: boolean
}

/** What a word came to, and what it asked for. */
export interface Expansion {
  readonly text: string
  /** Split at spaces outside quotes. */
  readonly words: readonly string[]
  /** Variables that were asked for and are not set. */
  readonly unset: ReadonlySet<string>
  /** Variables that were asked for and are set. */
  readonly used: ReadonlySet<string>
}

/**
 * Expand a word or a line.
 * @param env undefined for an unset variable
 * @throws Error with BuildKit's sentence for what isn't closed or isn't supported
 */
export function expand(
  source: string,
  env: (name: string) => string | undefined,
  options: LexOptions,
): Expansion {
  const lexer = new Lexer(source, env, options)
  const { text, words } = lexer.until(undefined, options.rawEscapes ?? false)
  return { text, words, unset: lexer.unset, used: lexer.used }
}

const isSpace = (char: string): boolean => /^\s$/u.test(char)
const isDigit = (char: string): boolean => /^\p{Nd}$/u.test(char)
const isNamePart = (char: string): boolean => /^[\p{L}\p{Nd}_]$/u.test(char)
const SPECIAL = new Set(['@', '*', '#', '?', '-', '$', '!', '0'])

class Lexer {
  readonly unset = new Set<string>()
  readonly used = new Set<string>()
  readonly #chars: readonly string[]
  readonly #env: (name: string) => string | undefined
  readonly #options: LexOptions
  #at = 0
  #rawEscapes: boolean

  constructor(source: string, env: (name: string) => string | undefined, options: LexOptions) {
    this.#chars = Array.from(source)
    this.#env = env
    this.#options = options
    this.#rawEscapes = options.rawEscapes ?? false
  }

  /** Read up to a character, which is consumed, or to the end. */
  until(stop: string | undefined, rawEscapes: boolean): { text: string; words: string[] } {
    const before = this.#rawEscapes
    this.#rawEscapes = rawEscapes
    try {
      return this.#read(stop)
    } finally {
      this.#rawEscapes = before
    }
  }

  #read(stop: string | undefined): { text: string; words: string[] } {
    const words = new Words()
    let text = ''
    for (let char = this.#peek(); char !== undefined; char = this.#peek()) {
      if (char === stop) {
        this.#at++
        return { text, words: words.end() }
      }
      if (char === '$') {
        const value = this.#dollar()
        text += value
        words.addText(value)
      } else if ((char === "'" || char === '"') && this.#options.ignoreQuotes !== true) {
        const value = char === "'" ? this.#singleQuoted() : this.#doubleQuoted()
        text += value
        words.addQuoted(value)
      } else if (char === this.#options.escape) {
        this.#at++
        if (this.#rawEscapes) {
          text += char
          words.addQuoted(char)
        }
        const escaped = this.#next()
        if (escaped === undefined) break
        text += escaped
        words.addQuoted(escaped)
      } else {
        this.#at++
        text += char
        words.addText(char)
      }
    }
    if (stop !== undefined) {
      throw new Error(`unexpected end of statement while looking for matching ${stop}`)
    }
    return { text, words: words.end() }
  }

  #singleQuoted(): string {
    this.#at++
    const end = this.#chars.indexOf("'", this.#at)
    if (end < 0) {
      throw new Error('unexpected end of statement while looking for matching single-quote')
    }
    const text = this.#chars.slice(this.#at, end).join('')
    this.#at = end + 1
    return this.#options.rawQuotes === true ? `'${text}'` : text
  }

  #doubleQuoted(): string {
    this.#at++
    const quote = this.#options.rawQuotes === true ? '"' : ''
    let text = quote
    for (;;) {
      const char = this.#peek()
      if (char === undefined) {
        throw new Error('unexpected end of statement while looking for matching double-quote')
      }
      if (char === '$') {
        text += this.#dollar()
        continue
      }
      this.#at++
      if (char === '"') return text + quote
      const following = this.#peek()
      if (char !== this.#options.escape) text += char
      else {
        if (this.#rawEscapes) text += char
        if (following === undefined) continue
        // Only these can be escaped; other backslashes stay.
        const escapable = following === '"' || following === '$' || following === char
        if (escapable) this.#at++
        text += escapable ? following : char
      }
    }
  }

  #dollar(): string {
    this.#at++
    if (this.#peek() !== '{') {
      const name = this.#name()
      if (name === '') return '$'
      return this.#value(name) ?? (this.#options.keepUnset === true ? `$${name}` : '')
    }
    this.#at++
    const first = this.#peek()
    if (first === undefined) throw new Error("syntax error: missing '}'")
    if (first === '{' || first === '}' || first === ':') {
      throw new Error('syntax error: bad substitution')
    }
    const name = this.#name()
    let modifier = this.#next() ?? ''
    if (modifier === '}') {
      return this.#value(name) ?? (this.#options.keepUnset === true ? `\${${name}}` : '')
    }
    if (modifier === '/') return this.#replace(name)
    const nullIsUnset = modifier === ':'
    if (nullIsUnset) modifier = this.#next() ?? ''
    const shown = nullIsUnset ? `:${modifier}` : modifier
    if (!nullIsUnset && !['+', '-', '?', '#', '%'].includes(modifier)) {
      throw new Error(`unsupported modifier (${shown}) in substitution`)
    }
    return this.#modified(name, modifier, nullIsUnset, shown)
  }

  #modified(name: string, modifier: string, nullIsUnset: boolean, shown: string): string {
    const isPattern = modifier === '#' || modifier === '%'
    const word = this.#upTo('}', isPattern)
    const value = this.#value(name)
    const raw = `\${${name}${shown}${word}}`
    const absent = value === undefined || (nullIsUnset && value === '')
    const keeps = this.#options.keepUnset === true && value === undefined
    switch (modifier) {
      case '-':
        if (!absent) return value
        return keeps ? raw : word
      case '+':
        if (keeps) return raw
        return absent ? '' : word
      case '?': {
        if (!absent) return value
        if (keeps) return raw
        const reason = value === undefined ? 'unset' : 'empty'
        throw new Error(`${name}: ${word === '' ? `is not allowed to be ${reason}` : word}`)
      }
      case '#':
      case '%': {
        if (keeps) return raw
        const greedy = word.startsWith(modifier)
        const pattern = greedy ? word.slice(1) : word
        const trim = modifier === '#' ? trimPrefix : trimSuffix
        return trim(pattern, value ?? '', greedy)
      }
      default:
        throw new Error(`unsupported modifier (${shown}) in substitution`)
    }
  }

  #replace(name: string): string {
    const all = this.#peek() === '/'
    if (all) this.#at++
    const pattern = this.#upTo('/', true)
    const replacement = this.#upTo('}', true)
    const value = this.#value(name)
    if (value === undefined && this.#options.keepUnset === true) {
      return `\${${name}/${all ? '/' : ''}${pattern}/${replacement}}`
    }
    const found = new RegExp(shellPattern(pattern, true), all ? 'gsu' : 'su')
    return (value ?? '').replace(found, () => replacement)
  }

  #upTo(stop: string, rawEscapes: boolean): string {
    try {
      return this.until(stop, rawEscapes).text
    } catch (error) {
      if (this.#peek() === undefined) throw new Error("syntax error: missing '}'", { cause: error })
      throw error
    }
  }

  #value(name: string): string | undefined {
    const value = this.#env(name)
    if (value === undefined) this.unset.add(name)
    else this.used.add(name)
    return value
  }

  #name(): string {
    const first = this.#peek()
    if (first === undefined) return ''
    const part = isDigit(first) ? isDigit : isNamePart
    if (!isDigit(first) && SPECIAL.has(first)) {
      this.#at++
      return first
    }
    let name = ''
    for (let char = this.#peek(); char !== undefined && part(char); char = this.#peek()) {
      name += char
      this.#at++
    }
    return name
  }

  #peek(): string | undefined {
    return this.#chars[this.#at]
  }

  #next(): string | undefined {
    return this.#chars[this.#at++]
  }
}

class Words {
  readonly #words: string[] = []
  #word = ''
  /** A word can be empty: `""`. */
  #inWord = false

  /** Spaces split. */
  addText(text: string): void {
    for (const char of text) {
      if (!isSpace(char)) this.addQuoted(char)
      else if (this.#inWord && this.#word !== '') this.end()
    }
  }

  /** Spaces don't split. */
  addQuoted(text: string): void {
    this.#word += text
    this.#inWord = true
  }

  end(): string[] {
    if (this.#inWord) this.#words.push(this.#word)
    this.#word = ''
    this.#inWord = false
    return this.#words
  }
}
