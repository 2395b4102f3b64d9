/** How each instruction's arguments are read (BuildKit frontend/dockerfile/parser/line_parsers.go). */

/** What follows an instruction's name and flags. */
export interface Arguments {
  readonly values: readonly string[]
  /** Written as a JSON array. */
  readonly json: boolean
  /** The instruction after ONBUILD, as written. */
  readonly child?: string
}

type LineParser = (rest: string, escape: string) => Arguments

const SPACES = /[\t\v\f\r ]+/
const list = (values: readonly string[]): Arguments => ({ values, json: false })

const words: LineParser = (rest) => list(rest === '' ? [] : rest.split(SPACES))
const text: LineParser = (rest) => list(rest === '' ? [] : [rest])
const nothing: LineParser = () => list([])

/** Undefined when it isn't an array. @throws Error for an array of other things than strings */
function jsonArray(rest: string): Arguments | undefined {
  const trimmed = rest.trimStart()
  if (!trimmed.startsWith('[')) return undefined
  const value = firstJsonArray(trimmed)
  if (value === undefined) return undefined
  if (!value.every((item) => typeof item === 'string')) {
    throw new Error('when using JSON array syntax, arrays must be comprised of strings only')
  }
  return { values: value, json: true }
}

/** Go's decoder reads one value and leaves what follows. */
function firstJsonArray(source: string): unknown[] | undefined {
  let depth = 0
  let inString = false
  for (let at = 0; at < source.length; at++) {
    const char = source[at]
    if (inString) {
      if (char === '\\') at++
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '[' || char === '{') depth++
    else if (char === ']' || char === '}') {
      depth--
      if (depth > 0) continue
      try {
        const value: unknown = JSON.parse(source.slice(0, at + 1))
        return Array.isArray(value) ? value : undefined
      } catch {
        return undefined
      }
    }
  }
  return undefined
}

const maybeJson: LineParser = (rest) => (rest === '' ? list([]) : (jsonArray(rest) ?? list([rest])))
const maybeJsonList: LineParser = (rest, escape) => jsonArray(rest) ?? words(rest, escape)

/** `name=value …` as name, value, `=` for each; the old `name value` as name, value, ''. */
const pairs =
  (instruction: string): LineParser =>
  (rest, escape) => {
    const found = splitWords(rest, escape)
    const [first] = found
    if (first === undefined) return list([])
    if (!first.includes('=')) {
      const at = rest.search(SPACES)
      if (at < 0) throw new Error(`${instruction} must have two arguments`)
      return list([rest.slice(0, at), rest.slice(at).replace(/^[\t\v\f\r ]+/, ''), ''])
    }
    return list(
      found.flatMap((word) => {
        const at = word.indexOf('=')
        if (at < 0) {
          throw new Error(
            `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
          )
        }
        return [word.slice(0, at), word.slice(at + 1), '=']
      }),
    )
  }

const argument: LineParser = (rest, escape) => list(splitWords(rest, escape))

const healthcheck: LineParser = (rest, escape) => {
  const [, type, command = ''] = /^(\S+)\s*(.*)$/s.exec(rest) ?? []
  if (type === undefined) return list([])
  const { values, json } = maybeJson(command, escape)
  return { values: [type, ...values], json }
}

const onbuild: LineParser = (rest) => (rest === '' ? list([]) : { ...list([]), child: rest })

const parsers: Readonly<Record<string, LineParser>> = {
  add: maybeJsonList,
  arg: argument,
  cmd: maybeJson,
  copy: maybeJsonList,
  entrypoint: maybeJson,
  env: pairs('ENV'),
  expose: words,
  from: words,
  healthcheck,
  label: pairs('LABEL'),
  maintainer: text,
  onbuild,
  run: maybeJson,
  shell: maybeJson,
  stopsignal: text,
  user: text,
  volume: maybeJsonList,
  workdir: text,
}

/** @param instruction lower case. @throws Error in BuildKit's words */
export const parseArguments = (instruction: string, rest: string, escape: string): Arguments =>
  (parsers[instruction] ?? nothing)(rest, escape)

const isSpace = (char: string): boolean => /^\s$/u.test(char)

/** Words with their quotes and escapes as written. */
function splitWords(rest: string, escape: string): string[] {
  const found: string[] = []
  const chars = Array.from(rest)
  let word = ''
  let quote: string | undefined
  let blank = false
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? ''
    if (quote === undefined && isSpace(char)) {
      if (blank || word !== '') found.push(word)
      word = ''
      blank = false
      continue
    }
    if (quote === undefined && (char === "'" || char === '"')) {
      quote = char
      blank = true
      word += char
      continue
    }
    if (char === quote) {
      quote = undefined
      word += char
      continue
    }
    if (char === escape && quote !== "'") {
      const escaped = chars[++at]
      // An escape at the end is dropped.
      if (escaped !== undefined) word += char + escaped
      continue
    }
    word += char
  }
  if (blank || word !== '') found.push(word)
  return found
}

/** The `--flags` before the arguments (line_parsers.go, extractBuilderFlags). */
export function splitFlags(line: string): { readonly flags: string[]; readonly rest: string } {
  const flags: string[] = []
  let at = 0
  for (;;) {
    while (at < line.length && isSpace(line[at] ?? '')) at++
    if (!line.startsWith('--', at)) return { flags, rest: line.slice(at) }
    let word = ''
    let quote: string | undefined
    for (; at < line.length; at++) {
      const char = line[at] ?? ''
      if (quote === undefined && isSpace(char)) break
      if (quote === undefined && (char === "'" || char === '"')) quote = char
      else if (char === quote) quote = undefined
      else if (char === '\\') {
        at++
        word += line[at] ?? ''
      } else word += char
    }
    if (word === '--') return { flags, rest: line.slice(at) }
    flags.push(word)
  }
}
