import { goJson, goPrint, goSprint, goSprintf, goType } from './print.ts'

/** A function that a template may call; it throws an Error whose message is Go's. */
export type TemplateFunction = (...values: readonly unknown[]) => unknown

/** What counts as false in Go: nil, false, 0, and whatever is empty. */
export function isTrue(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === '')
    return false
  if (Array.isArray(value)) return value.length > 0
  return typeof value !== 'object' || Object.keys(value).length > 0
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A missing key gives the zero value of the map's type, which is text for labels and the like. */
function lookUp(map: Readonly<Record<string, unknown>>, key: unknown): unknown {
  if (typeof key !== 'string') throw new Error(`value has type ${goType(key)}; should be string`)
  if (Object.hasOwn(map, key)) return map[key]
  return Object.values(map).every((value) => typeof value === 'string') ? '' : null
}

function index(item: unknown, ...keys: readonly unknown[]): unknown {
  let value = item
  for (const key of keys) {
    if (isMap(value)) {
      value = lookUp(value, key)
      continue
    }
    if (!Array.isArray(value) && typeof value !== 'string') {
      throw new Error(
        value === null || value === undefined
          ? 'index of untyped nil'
          : `can't index item of type ${goType(value)}`,
      )
    }
    if (typeof key !== 'number')
      throw new Error(`cannot index slice/array with type ${goType(key)}`)
    if (key < 0 || key >= value.length) throw new Error(`index out of range: ${key}`)
    value = typeof value === 'string' ? value.charCodeAt(key) : (value as unknown[])[key]
  }
  return value
}

function slice(item: unknown, ...bounds: readonly unknown[]): unknown {
  if (typeof item !== 'string' && !Array.isArray(item))
    throw new Error(`can't slice item of type ${goType(item)}`)
  const [from = 0, to = item.length] = bounds.map(Number)
  if (from < 0 || to > item.length || from > to) throw new Error(`index out of range: ${to}`)
  return item.slice(from, to)
}

function length(item: unknown): number {
  if (typeof item === 'string') return new TextEncoder().encode(item).length
  if (Array.isArray(item)) return item.length
  if (isMap(item)) return Object.keys(item).length
  throw new Error(
    item === null || item === undefined ? 'len of nil pointer' : `len of type ${goType(item)}`,
  )
}

function same(left: unknown, right: unknown): boolean {
  const nil = (value: unknown): boolean => value === null || value === undefined
  if (nil(left) || nil(right)) return nil(left) && nil(right)
  if (typeof left === 'object' || typeof right === 'object') throw new Error('non-comparable type')
  if (typeof left !== typeof right) throw new Error('incompatible types for comparison')
  return left === right
}

function less(left: unknown, right: unknown): boolean {
  if (typeof left === 'number' && typeof right === 'number') return left < right
  if (typeof left === 'string' && typeof right === 'string') return left < right
  throw new Error('incompatible types for comparison')
}

const text = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  throw new Error(`wrong type for value; expected string; got ${goType(value)}`)
}

/** Go's own (text/template, Functions). `and` and `or` are evaluated by the caller, as they stop early. */
const builtins: Readonly<Record<string, TemplateFunction>> = {
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
  len: length,
  index,
  slice,
  print: (...values) => goSprint(values),
  println: (...values) => `${values.map(goPrint).join(' ')}\n`,
  printf: (format, ...values) => goSprintf(text(format), values),
  html: (...values) =>
    goSprint(values).replaceAll(
      /[<>&'"]/g,
      (character) =>
        ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', "'": '&#39;', '"': '&#34;' })[character] ?? '',
    ),
  js: (...values) => goJson(goSprint(values)).slice(1, -1),
  urlquery: (...values) => encodeURIComponent(goSprint(values)).replaceAll('%20', '+'),
  eq: (left, ...others) => {
    if (others.length === 0) throw new Error('missing argument for comparison')
    return others.some((other) => same(left, other))
  },
  ne: (left, right) => !same(left, right),
  lt: less,
  le: (left, right) => less(left, right) || same(left, right),
  gt: (left, right) => !less(left, right) && !same(left, right),
  ge: (left, right) => !less(left, right),
}

/** Docker's additions (docker/cli templates/templates.go). */
const dockers: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => goJson(value ?? null),
  split: (value, separator) => text(value).split(text(separator)),
  join: (values, separator) => {
    if (!Array.isArray(values))
      throw new Error(`wrong type for value; expected []string; got ${goType(values)}`)
    return values.map(goPrint).join(text(separator))
  },
  title: (value) =>
    text(value).replaceAll(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  pad: (value, before, after) =>
    text(value) === '' ? '' : ' '.repeat(Number(before)) + text(value) + ' '.repeat(Number(after)),
  truncate: (value, size) => Array.from(text(value)).slice(0, Number(size)).join(''),
}

export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  ...builtins,
  ...dockers,
}

/** For the header line of a table, where a function must leave the header as it is. */
export const headerFunctions: Readonly<Record<string, TemplateFunction>> = {
  ...templateFunctions,
  ...Object.fromEntries(Object.keys(dockers).map((name) => [name, (value: unknown) => value])),
}
