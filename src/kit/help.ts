import type { Command } from './command.ts'
import type { Flag } from './flags.ts'

/** Types whose name follows the flag in the help; `bool` has none. */
const shownType = (flag: Flag): string => (flag.type === 'bool' ? '' : ` ${flag.type}`)

/** What a flag's help ends with (pflag, defaultIsZeroValue). */
function shownInitial(flag: Flag): string {
  if (flag.shownInitial !== undefined) return ` (default ${flag.shownInitial})`
  if (flag.initial === undefined) return ''
  return flag.type === 'string'
    ? ` (default ${JSON.stringify(flag.initial)})`
    : ` (default ${flag.initial})`
}

/**
 * The options as pflag prints them (FlagUsagesWrapped).
 * @param columns width of the terminal
 */
export function flagUsages(flags: readonly Flag[], columns: number): string {
  const rows = flags
    .filter((flag) => flag.hidden !== true)
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .map((flag) => ({
      head: `${flag.short === undefined ? '      ' : `  -${flag.short}, `}--${flag.name}${shownType(flag)}`,
      text: flag.usage + shownInitial(flag),
    }))
  const widest = Math.max(0, ...rows.map(({ head }) => head.length + 1))
  return rows
    .map(
      ({ head, text }) =>
        `${head} ${' '.repeat(widest - head.length)} ${wrap(widest + 2, columns, text)}\n`,
    )
    .join('')
}

/** Breaks at blanks; a little too long rather than a lonely last word (pflag, wrap). */
function wrap(indent: number, columns: number, text: string): string {
  let at = indent
  let width = columns - at
  let result = ''
  if (width < 24) {
    at = 16
    width = columns - at
    result = `\n${' '.repeat(at)}`
  }
  if (width < 24) return text.replaceAll('\n', result)
  const slop = 5
  width -= slop
  const margin = `\n${' '.repeat(at)}`
  let [line, rest] = wrapLine(width, slop, text)
  result += line.replaceAll('\n', margin)
  while (rest !== '') {
    ;[line, rest] = wrapLine(width, slop, rest)
    result += margin + line.replaceAll('\n', margin)
  }
  return result
}

function wrapLine(width: number, slop: number, text: string): [string, string] {
  if (width + slop > text.length) return [text, '']
  const start = text.slice(0, width)
  const blank = Math.max(start.lastIndexOf(' '), start.lastIndexOf('\t'), start.lastIndexOf('\n'))
  if (blank <= 0) return [text, '']
  const newline = start.lastIndexOf('\n')
  if (newline > 0 && newline < blank) return [text.slice(0, newline), text.slice(newline + 1)]
  return [text.slice(0, blank), text.slice(blank + 1)]
}

/** `docker container ls [OPTIONS]` */
export const useLine = (path: string, command: Command): string =>
  command.usage === '' ? path : `${path} ${command.usage}`

/**
 * @param path `docker ps`
 * @param aliases every path of the command, when there are several
 */
export function commandHelp(
  path: string,
  command: Command,
  aliases: readonly string[],
  columns: number,
): string {
  let text = `Usage:  ${useLine(path, command)}\n\n${command.description ?? command.summary}\n`
  if (aliases.length > 1) text += `\nAliases:\n  ${aliases.join(', ')}\n`
  const options = flagUsages(command.flags ?? [], columns - 1)
  if (options !== '') text += `\nOptions:\n${options}`
  return text
}

/** A heading with what stands below it. */
export interface HelpSection {
  readonly title: string
  readonly entries: readonly (readonly [string, string])[]
}

export const sectionText = ({ title, entries }: HelpSection): string =>
  `${title}:\n${entries.map(([name, summary]) => `  ${name.padEnd(11)} ${summary}\n`).join('')}`

/** Of `docker container` and the like. */
export const groupHelp = (path: string, summary: string, entries: HelpSection['entries']): string =>
  `Usage:  ${path} COMMAND\n\n${summary}\n\n${sectionText({ title: 'Commands', entries })}\nRun '${path} COMMAND --help' for more information on a command.\n`
