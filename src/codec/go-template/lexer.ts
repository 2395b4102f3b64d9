import { TemplateError } from './syntax.ts'

export interface Token {
  readonly kind:
    | 'text'
    | 'open'
    | 'close'
    | 'space'
    | 'dot'
    | 'field'
    | 'variable'
    | 'word'
    | 'string'
    | 'character'
    | 'number'
    | 'pipe'
    | 'declare'
    | 'assign'
    | 'comma'
    | '('
    | ')'
    | 'end-of-text'
  /** As written; of a `text` token what is left after trimming. */
  readonly text: string
  readonly at: number
}

/** Tokens inside an action, tried in turn. */
const rules: readonly (readonly [Token['kind'], RegExp])[] = [
  ['space', /\s+/y],
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['character', /'(?:[^'\\\n]|\\.)+'/y],
  ['number', /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)/y],
  ['field', /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ['dot', /\./y],
  ['variable', /\$[\p{L}\p{N}_]*/uy],
  ['word', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['declare', /:=/y],
  ['assign', /=/y],
  ['pipe', /\|/y],
  ['comma', /,/y],
  ['(', /\(/y],
  [')', /\)/y],
]

/**
 * @throws TemplateError for an action that doesn't close or a character that can't be
 */
export function lex(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let trimNext = false
  while (at < text.length) {
    const open = text.indexOf('{{', at)
    const end = open < 0 ? text.length : open
    let literal = text.slice(at, end)
    if (trimNext) literal = literal.trimStart()
    if (open >= 0 && /^\{\{-\s/.test(text.slice(open, open + 4))) literal = literal.trimEnd()
    if (literal !== '') tokens.push({ kind: 'text', text: literal, at })
    if (open < 0) break
    const action = lexAction(text, open, tokens)
    at = action.end
    trimNext = action.trims
  }
  tokens.push({ kind: 'end-of-text', text: '', at: text.length })
  return tokens
}

function lexAction(text: string, open: number, tokens: Token[]): { end: number; trims: boolean } {
  let at = open + 2
  if (/^-\s/.test(text.slice(at, at + 2))) at += 1
  const comment = /\s*\/\*[\s\S]*?\*\/(\s-)?\}\}/y
  comment.lastIndex = at
  const commented = comment.exec(text)
  if (commented) return { end: comment.lastIndex, trims: commented[1] !== undefined }
  tokens.push({ kind: 'open', text: '{{', at: open })
  for (;;) {
    const rest = text.slice(at)
    const close = /^(\s-)?\}\}/.exec(rest)
    if (close) {
      tokens.push({ kind: 'close', text: '}}', at })
      return { end: at + close[0].length, trims: close[1] !== undefined }
    }
    if (rest === '') throw new TemplateError(`template: :${lineOf(text, at)}: unclosed action`)
    const token = oneToken(text, at)
    tokens.push(token)
    at += token.text.length
  }
}

function oneToken(text: string, at: number): Token {
  for (const [kind, pattern] of rules) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match) return { kind, text: match[0], at }
  }
  const where = `template: :${lineOf(text, at)}`
  const next = text[at] ?? ''
  if (next === '"') throw new TemplateError(`${where}: unterminated quoted string`)
  if (next === '`') throw new TemplateError(`${where}: unterminated raw quoted string`)
  if (next === "'") throw new TemplateError(`${where}: unterminated character constant`)
  throw new TemplateError(`${where}: unexpected ${JSON.stringify(next)} in command`)
}

/** 1 for the first line. */
export const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length
