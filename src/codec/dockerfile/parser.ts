/**
 * A Dockerfile's text → its instructions, as BuildKit's parser reads it (frontend/dockerfile/parser/parser.go): lines are joined, comments dropped,
 * here-documents collected; names and arguments are not judged here.
 */
import { Directives, type DirectiveName } from './directives.ts'
import { heredocsOf, type Heredoc } from './heredoc.ts'
import { parseArguments, splitFlags } from './line-parsers.ts'
import { SyntaxError } from './syntax-error.ts'

export interface Instruction {
  /** As written: `FROM`, `from`. */
  readonly name: string
  /** `--name=value`, quotes resolved. */
  readonly flags: readonly string[]
  /** For ENV and LABEL triples of name, value, `=` or ''. */
  readonly values: readonly string[]
  readonly json: boolean
  readonly heredocs: readonly Heredoc[]
  /** The instruction's text on one line. */
  readonly original: string
  /** What ONBUILD is about. */
  readonly child?: Instruction
  /** Lines of the file, from 1. */
  readonly startLine: number
  readonly endLine: number
  /** Comments right above, without `#`. */
  readonly comments: readonly string[]
}

export interface Warning {
  readonly message: string
  readonly startLine: number
  readonly endLine: number
}

export interface Dockerfile {
  readonly instructions: readonly Instruction[]
  readonly escape: '\\' | '`'
  readonly directives: ReadonlyMap<DirectiveName, { readonly value: string; readonly line: number }>
  readonly warnings: readonly Warning[]
}

const HEREDOC_INSTRUCTIONS = new Set(['add', 'copy', 'run'])

/** @throws SyntaxError */
export function parseDockerfile(source: string): Dockerfile {
  const lines = new Lines(source.replace(/^\u{feff}/u, ''))
  const directives = new Directives()
  const instructions: Instruction[] = []
  const warnings: Warning[] = []
  let comments: string[] = []
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const trimmed = line.trimStart()
    comments = trimmed.startsWith('#') ? [...comments, trimmed.slice(1).trim()] : comments
    located(lines.number, lines.number, () => directives.read(trimmed, lines.number))
    if (trimmed === '' || trimmed.startsWith('#')) {
      if (trimmed === '') comments = []
      continue
    }
    const startLine = lines.number
    const { text, hasEmptyLine } = joinLines(trimmed, lines, directives.escape)
    if (text === '') continue
    if (hasEmptyLine) {
      const message = `Empty continuation line found in: ${text}`
      warnings.push({ message, startLine, endLine: lines.number })
    }
    const place = { startLine, endLine: lines.number, comments }
    const instruction = located(startLine, lines.number, () =>
      parseLine(text, directives.escape, place),
    )
    const heredocs = takesHeredocs(instruction)
      ? located(startLine, lines.number, () => readHeredocs(text, lines))
      : []
    instructions.push({ ...instruction, heredocs, endLine: lines.number })
    comments = []
  }
  if (instructions.length === 0) throw new SyntaxError('file with no instructions', lines.number)
  return { instructions, escape: directives.escape, directives: directives.values, warnings }
}

/** An instruction on one line. @throws Error in BuildKit's words */
export function parseLine(
  line: string,
  escape: string,
  place: Pick<Instruction, 'startLine' | 'endLine' | 'comments'>,
): Instruction {
  const trimmed = line.trim()
  const at = trimmed.search(/[\t\v\f\r ]/)
  const name = at < 0 ? trimmed : trimmed.slice(0, at)
  const { flags, rest } = splitFlags(at < 0 ? '' : trimmed.slice(at))
  const { values, json, child } = parseArguments(name.toLowerCase(), rest.trim(), escape)
  return {
    name,
    flags,
    values,
    json,
    heredocs: [],
    original: line,
    ...place,
    ...(child === undefined ? {} : { child: parseLine(child, escape, place) }),
  }
}

function joinLines(
  first: string,
  lines: Lines,
  escape: string,
): { text: string; hasEmptyLine: boolean } {
  const continued = continuation(escape)
  let text = ''
  let hasEmptyLine = false
  let part: string | undefined = first
  while (part !== undefined) {
    const cut: string = part.replace(continued, '$1')
    text += cut
    if (cut === part) break
    do {
      part = lines.next()
      if (part !== undefined && part.trim() === '') hasEmptyLine = true
      // Comments and empty lines within an instruction are passed over.
    } while (part !== undefined && (part.trim() === '' || part.trimStart().startsWith('#')))
  }
  return { text, hasEmptyLine }
}

const continuation = (escape: string): RegExp =>
  escape === '`' ? /([^`])`[ \t]*$|^`[ \t]*$/ : /([^\\])\\[ \t]*$|^\\[ \t]*$/

function takesHeredocs(instruction: Instruction): boolean {
  const { name, json, child } = instruction
  if (json || !instruction.original.includes('<<')) return false
  return child ? takesHeredocs(child) : HEREDOC_INSTRUCTIONS.has(name.toLowerCase())
}

function readHeredocs(line: string, lines: Lines): Heredoc[] {
  return heredocsOf(line).map((heredoc) => {
    let content = ''
    for (;;) {
      const next = lines.nextWithEnd()
      if (next === undefined) throw new Error('unterminated heredoc')
      const text = next.replace(/\r?\n$/, '')
      if ((heredoc.chomp ? text.replace(/^\t+/, '') : text) === heredoc.name) {
        return { ...heredoc, content }
      }
      content += next
    }
  })
}

function located<T>(startLine: number, endLine: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new SyntaxError(message, startLine, endLine)
  }
}

/** The lines of a text, counted. */
class Lines {
  /** Of the last line given. */
  number = 0
  readonly #lines: readonly string[]

  constructor(source: string) {
    this.#lines = source.match(/[^\n]*\n|[^\n]+$/g) ?? []
  }

  next(): string | undefined {
    return this.nextWithEnd()?.replace(/\r?\n$/, '')
  }

  nextWithEnd(): string | undefined {
    const line = this.#lines[this.number]
    if (line !== undefined) this.number++
    return line
  }
}
