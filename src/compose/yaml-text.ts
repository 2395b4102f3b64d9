import { isList, isTree, print } from './tree.ts'
import type { Tree } from './tree.ts'

/** A tree as go-yaml v3 prints it: two spaces, lists indented, its rules of quoting. Keys keep their order. */
export const yamlText = (tree: Tree): string => mapping(tree, '').join('\n') + '\n'

function mapping(tree: Tree, indent: string): string[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const [head = '', ...rest] = block(value, indent)
    const name = `${indent}${scalar(key, `${indent}  `)}:`
    return [head === '' ? name : `${name} ${head}`, ...rest]
  })
}

/** What stands behind the key or dash, then the lines below it. */
function block(value: unknown, indent: string): string[] {
  if (isList(value)) return value.length === 0 ? ['[]'] : ['', ...sequence(value, `${indent}  `)]
  if (isTree(value)) {
    return Object.keys(value).length === 0 ? ['{}'] : ['', ...mapping(value, `${indent}  `)]
  }
  return scalar(value, `${indent}  `).split('\n')
}

function sequence(items: readonly unknown[], indent: string): string[] {
  return items.flatMap((item) => {
    if (isTree(item) && Object.keys(item).length > 0) {
      const [head = '', ...rest] = mapping(item, `${indent}  `)
      return [`${indent}- ${head.trimStart()}`, ...rest]
    }
    if (isList(item) && item.length > 0) {
      const [head = '', ...rest] = sequence(item, `${indent}  `)
      return [`${indent}- ${head.trimStart()}`, ...rest]
    }
    const [head = '', ...rest] = block(item, indent)
    return [`${indent}- ${head}`, ...rest]
  })
}

function scalar(value: unknown, indent: string): string {
  if (value === null) return 'null'
  if (typeof value !== 'string') return print(value)
  if (
    value.includes('\n') &&
    !/[^\n\t\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD]| \n|\s$/u.test(
      value.replace(/\n+$/, ''),
    ) &&
    value.trim() !== ''
  ) {
    return literal(value, indent)
  }
  // What would be read as something else is quoted twice; what only the syntax forbids, once.
  if (!resolvesToText(value)) return doubleQuoted(value)
  if (isPlain(value)) return value
  return /[\p{Cc}\uFEFF\u{10000}-\u{10FFFF}]/u.test(value)
    ? doubleQuoted(value)
    : `'${value.replaceAll("'", "''")}'`
}

function literal(text: string, indent: string): string {
  const hint = /^[ \n]/.test(text) ? '2' : ''
  const chomp = text.endsWith('\n') ? (text.endsWith('\n\n') ? '+' : '') : '-'
  const body = text.replace(/\n$/, '').split('\n')
  return [`|${hint}${chomp}`, ...body.map((line) => (line === '' ? '' : indent + line))].join('\n')
}

const special =
  /^(?:|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF|<<|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/
const number =
  /^(?:[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|\d[\d_]*)|[-+]?(?:\.\d+|\d[\d_]*(?:\.[\d_]*)?)(?:[eE][-+]?\d+)?|[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?)$/
const timestamp =
  /^\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]|\s+)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d*)?\s*(?:Z|[-+]\d{1,2}(?::\d{2})?)?)?$/
const resolvesToText = (text: string): boolean =>
  !special.test(text) && !number.test(text) && !timestamp.test(text)

/** libyaml's analysis of a scalar in block context. */
const isPlain = (text: string): boolean =>
  !/^[-?:](?:\s|$)|^[#,[\]{}&*!|>'"%@`]|^---|^\.\.\./.test(text) &&
  !/:(?:\s|$)|\s#|^\s|\s$|[\p{Cc}\uFEFF\u{10000}-\u{10FFFF}]/u.test(text)

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\u001B': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\uFEFF': '\\uFEFF',
}

const doubleQuoted = (text: string): string =>
  `"${text.replaceAll(
    /["\\\p{Cc}\uFEFF\u{10000}-\u{10FFFF}]/gu,
    (char) => escapes[char] ?? numbered(char),
  )}"`

function numbered(char: string): string {
  const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase()
  return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\x${code.padStart(2, '0')}`
}
