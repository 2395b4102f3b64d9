/** Here-documents of RUN, COPY and ADD (BuildKit frontend/dockerfile/parser/parser.go, heredocFromMatch). */
import { expand, type LexOptions } from './shell-words.ts'

export interface Heredoc {
  readonly name: string
  /** False when any part of the name was quoted. */
  readonly expand: boolean
  /** `<<-`: leading tabs go. */
  readonly chomp: boolean
  readonly fileDescriptor: number
  readonly content: string
}

const HEREDOC = /^(\d*)<<(-?)([^<]*)$/
const nothing = (): undefined => undefined
const base: LexOptions = { escape: '\\', keepUnset: true }
const raw: LexOptions = { ...base, rawQuotes: true, rawEscapes: true }

/** The start of a here-document in a word such as `<<EOF`; undefined when it is none. @throws Error */
export function parseHeredoc(word: string): Omit<Heredoc, 'content'> | undefined {
  const [, descriptor, dash, rest] = HEREDOC.exec(word) ?? []
  if (!rest) return undefined
  const plain = expand(rest, nothing, base).words
  const quoted = expand(rest, nothing, raw).words
  const [name] = plain
  if (name === undefined || plain.length !== 1 || quoted.length !== 1) return undefined
  return {
    name,
    expand: name === quoted[0],
    chomp: dash === '-',
    fileDescriptor: Number(descriptor),
  }
}

/** All that start in a line, in their order. @throws Error */
export function heredocsOf(line: string): Omit<Heredoc, 'content'>[] {
  return expand(line, nothing, raw).words.flatMap((word) => parseHeredoc(word) ?? [])
}

/** Content as the process sees it: without leading tabs when chomped. */
export const heredocText = ({ chomp, content }: Heredoc): string =>
  chomp ? content.replaceAll(/^\t+/gm, '') : content
