import { headerFunctions } from '../codec/go-template/functions.ts'
import { compileTemplate, executeTemplate } from '../codec/go-template/template.ts'
import { TemplateError } from '../codec/go-template/syntax.ts'
import { ExitError } from './command.ts'
import { flag, type Flag } from './flags.ts'
import { alignTabs } from './tabwriter.ts'

const REFER =
  'Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates'

/** `--format` of a list. */
export const listFormatFlag: Flag = flag(
  '--format',
  'string',
  `Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n'table TEMPLATE':   Print output in table format using the given Go template\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.\n${REFER}`,
)

/** `--format` of one object. */
export const objectFormatFlag = (names = '-f, --format'): Flag =>
  flag(
    names,
    'string',
    `Format output using a custom template:\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.\n${REFER}`,
  )

/** What a list can show of its rows. */
export interface ListFormat<Row> {
  /** Fields by their names in templates. A function among the values is a method and stays out of the JSON. */
  readonly fields: Readonly<
    Record<string, { readonly header: string; readonly value: (row: Row) => unknown }>
  >
  /** The template of the default table, with its tabs. */
  readonly table: string
  /** With `-q`. */
  readonly quiet?: string
  /** Go's name of a row, for messages. */
  readonly rowType: string
}

export interface ListOptions {
  readonly format: string
  readonly quiet?: boolean
  /** Another table than the usual. */
  readonly table?: string
}

/**
 * Rows as text.
 * @throws ExitError as Docker words it when the template is wrong
 */
export function formatList<Row>(
  rows: readonly Row[],
  list: ListFormat<Row>,
  options: ListOptions,
): string {
  const { text, isTable } = templateOf(list, options)
  const template = compiled(text)
  const names = Object.keys(list.fields).sort()
  try {
    let body = ''
    for (const row of rows) {
      const data = Object.fromEntries(names.map((name) => [name, list.fields[name]?.value(row)]))
      body += `${executeTemplate(template, data, { rootType: list.rowType })}\n`
    }
    if (!isTable) return body
    const headers = Object.fromEntries(names.map((name) => [name, list.fields[name]?.header]))
    const header = executeTemplate(template, headers, {
      functions: headerFunctions,
      missing: 'zero',
    })
    return alignTabs(`${header}\n${body}`)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    throw new ExitError(1, `failed to execute template: ${error.message}`, { cause: error })
  }
}

/** Whether the template uses a field, so that what costs the engine something is asked for only then. */
export const usesField = (format: string, field: string): boolean =>
  new RegExp(`\\.${field}\\b|\\{\\{\\s*json \\.\\s*\\}\\}`).test(format)

function templateOf<Row>(
  list: ListFormat<Row>,
  options: ListOptions,
): { text: string; isTable: boolean } {
  const { format, quiet = false } = options
  const table = options.table ?? list.table
  const isTable = format === '' || /^table(\s|$)/.test(format)
  if (quiet && list.quiet !== undefined && (format === '' || format === 'table')) {
    return { text: list.quiet, isTable: false }
  }
  if (format === 'json') return { text: '{{json .}}', isTable: false }
  if (!isTable) return { text: unescaped(format), isTable }
  const own = format.slice('table'.length).trim()
  return { text: unescaped(own === '' ? table : own), isTable }
}

/** A shell hands `\t` and `\n` over as they are. */
const unescaped = (text: string): string =>
  text.trim().replaceAll('\\t', '\t').replaceAll('\\n', '\n')

function compiled(text: string): ReturnType<typeof compileTemplate> {
  try {
    return compileTemplate(text)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    throw new ExitError(1, `template parsing error: ${error.message}`, { cause: error })
  }
}
