import { lex, lineOf, type Token } from './lexer.ts'
import {
  TemplateError,
  type Command,
  type Node,
  type Operand,
  type Pipe,
  type Template,
} from './syntax.ts'

/**
 * Read a template.
 * @param functions names that a template may call
 * @throws TemplateError with Go's sentence and the line
 */
export function parseTemplate(text: string, functions: ReadonlySet<string>): Template {
  const parser = new Parser(text, functions)
  const { body } = parser.list(['end-of-text'])
  return { text, body, named: parser.named }
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** A Go string or character literal without its quotes. */
const unquote = (literal: string): string =>
  literal.startsWith('`')
    ? literal.slice(1, -1)
    : literal
        .slice(1, -1)
        .replaceAll(
          /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gsu,
          (_, x?: string, u?: string, long?: string, octal?: string, plain = '') => {
            const hex = x ?? u ?? long
            if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
            if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8))
            return escapes[plain] ?? plain
          },
        )

type Ending = 'end-of-text' | 'end' | 'else'

class Parser {
  readonly named = new Map<string, readonly Node[]>()
  readonly #text: string
  readonly #functions: ReadonlySet<string>
  readonly #tokens: readonly Token[]
  #next = 0
  #loops = 0
  #variables: string[] = ['']

  constructor(text: string, functions: ReadonlySet<string>) {
    this.#text = text
    this.#functions = functions
    this.#tokens = lex(text)
  }

  /** Nodes up to one of the endings; of an `else` the token stands behind the word. */
  list(endings: readonly Ending[]): { body: Node[]; ending: Ending } {
    const body: Node[] = []
    for (;;) {
      const token = this.#take()
      if (token.kind === 'end-of-text') {
        if (endings.includes('end-of-text')) return { body, ending: 'end-of-text' }
        throw this.#error(token, 'unexpected EOF')
      }
      if (token.kind === 'text') {
        body.push({ kind: 'text', text: token.text })
        continue
      }
      this.#skipSpace()
      const word = this.#peek()
      if (word.kind === 'word' && (word.text === 'end' || word.text === 'else')) {
        this.#next++
        if (!endings.includes(word.text)) throw this.#error(word, `unexpected {{${word.text}}}`)
        if (word.text === 'end') this.#close('end')
        return { body, ending: word.text }
      }
      const node = this.#action(word)
      if (node) body.push(node)
    }
  }

  #action(first: Token): Node | undefined {
    if (first.kind === 'word') {
      switch (first.text) {
        case 'if':
        case 'with':
        case 'range':
          this.#next++
          return this.#control(first.text)
        case 'break':
        case 'continue':
          if (this.#loops === 0) throw this.#error(first, `{{${first.text}}} outside {{range}}`)
          this.#next++
          this.#close(first.text)
          return { kind: first.text }
        case 'define':
          this.#next++
          this.#define(this.#name('define clause'))
          return undefined
        case 'template':
        case 'block':
          this.#next++
          return this.#call(first)
        default:
      }
    }
    const pipe = this.#pipe('command')
    this.#close('command')
    return { kind: 'action', pipe }
  }

  #control(kind: 'if' | 'with' | 'range'): Node {
    const outer = this.#variables
    this.#variables = [...outer]
    const pipe = this.#pipe(kind)
    this.#close(kind)
    if (kind === 'range') this.#loops++
    const { body, ending } = this.list(['end', 'else'])
    if (kind === 'range') this.#loops--
    const otherwise = ending === 'else' ? this.#otherwise(kind) : []
    this.#variables = outer
    return { kind, pipe, body, otherwise }
  }

  #otherwise(kind: 'if' | 'with' | 'range'): readonly Node[] {
    this.#skipSpace()
    const word = this.#peek()
    // `{{else if …}}` is an `if` within the else, which shares its `end`.
    if (word.kind === 'word' && word.text === kind && kind !== 'range') {
      this.#next++
      return [this.#control(kind)]
    }
    this.#close('else')
    return this.list(['end']).body
  }

  #define(name: string): void {
    this.#close('define clause')
    const outer = this.#variables
    this.#variables = ['']
    this.named.set(name, this.list(['end']).body)
    this.#variables = outer
  }

  #call(word: Token): Node {
    const name = this.#name(`${word.text} clause`)
    this.#skipSpace()
    const pipe = this.#peek().kind === 'close' ? undefined : this.#pipe(`${word.text} clause`)
    if (word.text === 'block') this.#define(name)
    else this.#close('template clause')
    return { kind: 'template', name, at: word.at, ...(pipe && { pipe }) }
  }

  #name(context: string): string {
    this.#skipSpace()
    const token = this.#take()
    if (token.kind !== 'string') throw this.#unexpected(token, context)
    return unquote(token.text)
  }

  #pipe(context: string): Pipe {
    this.#skipSpace()
    const start = this.#peek().at
    const { variables, assigns } = this.#declarations(context)
    const commands: Command[] = []
    for (;;) {
      this.#skipSpace()
      const token = this.#peek()
      if (token.kind === 'close' || token.kind === ')') {
        if (commands.length === 0) throw this.#error(token, `missing value for ${context}`)
        break
      }
      commands.push(this.#command())
      this.#skipSpace()
      if (this.#peek().kind !== 'pipe') break
      this.#next++
      this.#skipSpace()
      if (this.#peek().kind === 'close') throw this.#error(token, `missing value for ${context}`)
    }
    return { variables, assigns, commands, ...this.#place(start) }
  }

  #declarations(context: string): { variables: string[]; assigns: boolean } {
    const start = this.#next
    const names: string[] = []
    while (this.#peek().kind === 'variable') {
      names.push(this.#take().text.slice(1))
      this.#skipSpace()
      const token = this.#take()
      if (token.kind === 'declare' || token.kind === 'assign') {
        if (token.kind === 'declare') this.#variables.push(...names)
        return { variables: names, assigns: token.kind === 'assign' }
      }
      if (token.kind !== 'comma' || context !== 'range' || names.length > 1) break
      this.#skipSpace()
    }
    this.#next = start
    return { variables: [], assigns: false }
  }

  #command(): Command {
    const start = this.#peek().at
    const operands: Operand[] = []
    for (;;) {
      this.#skipSpace()
      const token = this.#peek()
      if (token.kind === 'pipe' || token.kind === 'close' || token.kind === ')') break
      operands.push(this.#operand())
      const after = this.#peek()
      if (after.kind !== 'space') {
        if (after.kind === 'pipe' || after.kind === 'close' || after.kind === ')') continue
        throw this.#unexpected(after, 'operand')
      }
    }
    if (operands.length === 0) throw this.#error(this.#peek(), 'empty command')
    return { operands, ...this.#place(start) }
  }

  #operand(): Operand {
    const token = this.#take()
    const start = token.at
    const kind: string = token.kind
    switch (kind) {
      case 'dot':
        return { kind: 'dot', ...this.#place(start) }
      case 'field': {
        const path = [token.text.slice(1)]
        const last = this.#path(path)
        // Go names the place of a chain by its second field.
        return { kind: 'field', path, ...this.#place(start), at: last ?? start }
      }
      case 'variable': {
        const name = token.text.slice(1)
        if (!this.#variables.includes(name)) {
          throw this.#error(token, `undefined variable ${JSON.stringify(token.text)}`)
        }
        const path: string[] = []
        this.#path(path)
        return { kind: 'variable', name, path, ...this.#place(start) }
      }
      case 'string':
        return { kind: 'literal', value: unquote(token.text), ...this.#place(start) }
      case 'character':
        return {
          kind: 'literal',
          value: unquote(token.text).codePointAt(0) ?? 0,
          ...this.#place(start),
        }
      case 'number':
        return {
          kind: 'literal',
          value: Number(token.text.replaceAll('_', '')),
          ...this.#place(start),
        }
      case '(': {
        const pipe = this.#pipe('parenthesized pipeline')
        this.#skipSpace()
        const close = this.#take()
        if (close.kind !== ')') throw this.#unexpected(close, 'parenthesized pipeline')
        const path: string[] = []
        this.#path(path)
        return { kind: 'pipe', pipe, path, ...this.#place(start) }
      }
      case 'word':
        return this.#word(token)
      default:
        throw this.#unexpected(token, 'operand')
    }
  }

  #word(token: Token): Operand {
    const place = this.#place(token.at)
    if (token.text === 'nil') return { kind: 'nil', ...place }
    if (token.text === 'true' || token.text === 'false') {
      return { kind: 'literal', value: token.text === 'true', ...place }
    }
    if (!this.#functions.has(token.text)) {
      throw this.#error(token, `function ${JSON.stringify(token.text)} not defined`)
    }
    return { kind: 'function', name: token.text, ...place }
  }

  /** Fields that follow at once; gives where the first of them stands. */
  #path(path: string[]): number | undefined {
    let first: number | undefined
    while (this.#peek().kind === 'field') {
      const token = this.#take()
      first ??= token.at
      path.push(token.text.slice(1))
    }
    return first
  }

  #place(start: number): { at: number; source: string } {
    return { at: start, source: this.#text.slice(start, this.#peek().at).trimEnd() }
  }

  #close(context: string): void {
    this.#skipSpace()
    const token = this.#take()
    if (token.kind !== 'close') throw this.#unexpected(token, context)
  }

  #skipSpace(): void {
    while (this.#peek().kind === 'space') this.#next++
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end-of-text', text: '', at: this.#text.length }
  }

  #take(): Token {
    const token = this.#peek()
    this.#next++
    return token
  }

  #unexpected(token: Token, context: string): TemplateError {
    const what =
      token.kind === 'end-of-text' ? 'EOF' : token.kind === 'close' ? '"}}"' : `<${token.text}>`
    return this.#error(token, `unexpected ${what} in ${context}`)
  }

  #error(token: Token, message: string): TemplateError {
    return new TemplateError(`template: :${lineOf(this.#text, token.at)}: ${message}`)
  }
}
