import { formatDuration } from '../codec/go-duration.ts'
import { ComposeError } from './compose-error.ts'
import { parseDuration } from './duration.ts'
import type { Shape } from './shape.ts'
import { shellWords } from './shell-words.ts'
import { isList, isTree, print } from './tree.ts'
import type { Tree } from './tree.ts'

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)
const sorted = (entries: [string, unknown][]): Tree =>
  Object.fromEntries(entries.sort(([left], [right]) => compare(left, right)))

/** `KEY=VALUE` or `KEY` in two; the value is undefined without `=`. */
function keyValue(entry: unknown): [string, string | undefined] {
  const text = print(entry)
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

const asText = (value: unknown): string => (value === null ? '' : print(value))

const pairs = (value: unknown, map: (value: unknown) => unknown): Tree =>
  isList(value)
    ? sorted(value.map((entry) => keyValue(entry)).map(([key, text]) => [key, map(text ?? null)]))
    : sorted(Object.entries(value as Tree).map(([key, entry]) => [key, map(entry)]))

const scale: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
}

/** A size such as `64m`, in bytes (go-units, RAMInBytes). */
function parseBytes(value: unknown): number {
  if (typeof value === 'number') return Math.trunc(value)
  const text = String(value)
  const [, number, unit = ''] = /^(-?\d+(?:\.\d+)?|-?\.\d+) ?([kmgtp]?)(?:i?b)?$/i.exec(text) ?? []
  if (number === undefined) throw new ComposeError(`invalid size: '${text}'`)
  return Math.trunc(Number(number) * (scale[unit.toLowerCase()] ?? 1))
}

/** The shortest decimal that is the same float32. */
function float32(value: unknown): number {
  const single = Math.fround(Number(value))
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(single.toPrecision(digits))
    if (Math.fround(short) === single) return short
  }
  return single
}

function hosts(value: unknown): string[] {
  const lines = isTree(value)
    ? Object.entries(value).flatMap(([host, address]) =>
        (isList(address) ? address : [address]).map((one) => [host, asText(one)] as const),
      )
    : (value as unknown[]).flatMap((entry) => {
        const text = print(entry)
        const separator = text.includes('=') ? '=' : ':'
        const at = text.indexOf(separator)
        if (at < 0) throw new ComposeError(`invalid additional host, missing IP: ${text}`)
        return text
          .slice(at + 1)
          .split(',')
          .map((address) => [text.slice(0, at), address] as const)
      })
  return lines
    .map(([host, address]) => {
      if (host === '' || /[:=]/.test(host)) throw new ComposeError(`bad host name '${host}'`)
      return `${host}=${address.replace(/^\[(.+)\]$/, '$1')}`
    })
    .sort(compare)
}

function count(value: unknown): number {
  if (typeof value === 'number') return value
  if (String(value).toLowerCase() === 'all') return -1
  if (/^[-+]?\d+$/.test(String(value))) return Number(value)
  throw new ComposeError(
    `invalid value "${String(value)}", the only value allowed is 'all' or a number`,
  )
}

/** What failed below a key, with the key before it. */
function within<T>(key: string, decoded: () => T): T {
  try {
    return decoded()
  } catch (error) {
    if (!(error instanceof ComposeError)) throw error
    throw new ComposeError(error.message, { cause: error, path: `${key}${error.path ?? ''}` })
  }
}

/** A value of the canonical model in the shape that it is printed in. */
export function decode(shape: Shape, value: unknown): unknown {
  switch (shape.kind) {
    case 'text':
      return asText(value)
    case 'bool':
      return value === true || value === 'true'
    case 'int':
      return Number(value)
    case 'float':
      return float32(value)
    case 'bytes':
      return String(parseBytes(value))
    case 'duration':
      return formatDuration(parseDuration(print(value)))
    case 'count':
      return count(value)
    case 'command':
      return isList(value) ? value.map(print) : value === null ? null : shellWords(print(value))
    case 'test':
      return isList(value) ? value.map(print) : ['CMD-SHELL', print(value)]
    case 'texts':
    case 'list-or-text':
      return (isList(value) ? value : [value]).map(print)
    case 'mapping':
    case 'labels':
    case 'options':
      return pairs(value, asText)
    case 'environment':
      if (isList(value)) {
        for (const entry of value) {
          const [key] = keyValue(entry)
          if (/\s$/.test(key)) {
            throw new ComposeError(`environment variable ${key} is declared with a trailing space`)
          }
        }
      }
      return pairs(value, (entry) => (entry === null ? null : print(entry)))
    case 'hosts':
      return hosts(value)
    case 'ssh':
      return Object.entries(value as Tree)
        .sort(([left], [right]) => compare(left, right))
        .map(([id, path]) => (path === null ? id : `${id}: ${print(path)}`))
    case 'env-files':
      return (value as Tree[]).map((file) =>
        file['required'] === true
          ? file['path']
          : {
              path: file['path'],
              required: false,
              ...('format' in file && { format: file['format'] }),
            },
      )
    case 'ulimit':
      return isTree(value)
        ? Object.fromEntries(
            ['soft', 'hard']
              .filter((key) => Number(value[key] ?? 0) !== 0)
              .map((key) => [key, Number(value[key])]),
          )
        : Number(value)
    case 'mode':
      return `0${(typeof value === 'number' ? value : Number.parseInt(print(value), 8)).toString(8)}`
    case 'list':
      return (value as unknown[]).map((entry, index) =>
        within(`[${index}]`, () => decode(shape.of, entry)),
      )
    case 'map':
      return sorted(
        Object.entries(value as Tree).map(([key, entry]) => [
          key,
          entry === null ? null : within(`[${key}]`, () => decode(shape.of, entry)),
        ]),
      )
    case 'struct':
      return decodeStruct(shape.fields, isTree(value) ? value : {})
  }
}

function decodeStruct(fields: Extract<Shape, { kind: 'struct' }>['fields'], value: Tree): Tree {
  const decoded: Tree = {}
  for (const [key, { shape, empty, json = key }] of Object.entries(fields)) {
    const given = value[key] ?? null
    if (given === null) {
      if (empty === 'json' || empty === 'always') decoded[json] = zero(shape)
      continue
    }
    const entry = within(`.${key}`, () => decode(shape, given))
    if (empty !== 'omitted' || !isEmpty(shape, entry)) decoded[json] = entry
  }
  // Printed in YAML alone.
  for (const key of Object.keys(value)
    .filter((key) => key.startsWith('x-'))
    .sort(compare)) {
    decoded[key] = value[key]
  }
  return decoded
}

const zero = (shape: Shape): unknown => {
  switch (shape.kind) {
    case 'struct':
      return decodeStruct(shape.fields, {})
    case 'bool':
      return false
    case 'int':
      return 0
    case 'bytes':
      return '0'
    case 'text':
      return ''
    default:
      return null
  }
}

/** What Go leaves out: no text, no number, nothing in it. */
const isEmpty = (shape: Shape, value: unknown): boolean =>
  value === '' ||
  value === 0 ||
  value === false ||
  value === null ||
  (shape.kind === 'bytes' && value === '0') ||
  (shape.kind === 'duration' && value === '0s') ||
  (isList(value) && value.length === 0) ||
  (isTree(value) && Object.keys(value).length === 0)
