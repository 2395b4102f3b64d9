import { isTrue, templateFunctions, type TemplateFunction } from './functions.ts'
import { lineOf } from './lexer.ts'
import { parseTemplate } from './parser.ts'
import { goPrint, goType } from './print.ts'
import {
  TemplateError,
  type Command,
  type Node,
  type Operand,
  type Pipe,
  type Place,
  type Template,
} from './syntax.ts'

export interface ExecuteOptions {
  readonly functions?: Readonly<Record<string, TemplateFunction>>
  /** A field that isn't there: `error` as with a struct or `missingkey=error`, `zero` prints `<no value>`. */
  readonly missing?: 'error' | 'zero'
  /** The Go type to name when the root lacks a field; without it the root counts as a map. */
  readonly rootType?: string
}

const names: ReadonlySet<string> = new Set(Object.keys(templateFunctions))

/**
 * Read a Go template with Docker's functions (`json`, `split`, `join`, `title`, `lower`, `upper`, `pad`, `truncate`).
 * @throws TemplateError
 */
export const compileTemplate = (text: string): Template => parseTemplate(text, names)

/**
 * Fill a template. Data are JSON values; a field that is a function is a method and gets the arguments that follow it.
 * @throws TemplateError
 */
export function executeTemplate(
  template: Template,
  data: unknown,
  options: ExecuteOptions = {},
): string {
  const run = new Execution(template, data, options)
  run.walk(template.body, data)
  return run.output
}

/** Leaves a range. */
class Jump extends Error {
  readonly kind: 'break' | 'continue'
  constructor(kind: 'break' | 'continue') {
    super(kind)
    this.kind = kind
  }
}

/** Nested `template` calls, at most. */
const DEPTH_MAX = 1000

class Execution {
  output = ''
  readonly #template: Template
  readonly #root: unknown
  readonly #options: ExecuteOptions
  readonly #functions: Readonly<Record<string, TemplateFunction>>
  #variables: { name: string; value: unknown }[]
  #depth = 0

  constructor(template: Template, root: unknown, options: ExecuteOptions) {
    this.#template = template
    this.#root = root
    this.#options = options
    this.#functions = options.functions ?? templateFunctions
    this.#variables = [{ name: '', value: root }]
  }

  walk(nodes: readonly Node[], dot: unknown): void {
    for (const node of nodes) this.#node(node, dot)
  }

  #node(node: Node, dot: unknown): void {
    switch (node.kind) {
      case 'text':
        this.output += node.text
        return
      case 'action': {
        const value = this.#pipe(node.pipe, dot)
        if (node.pipe.variables.length === 0) this.output += goPrint(value)
        return
      }
      case 'if':
      case 'with':
        this.#scoped(() => {
          const value = this.#pipe(node.pipe, dot)
          const inner = node.kind === 'with' && isTrue(value) ? value : dot
          this.walk(isTrue(value) ? node.body : node.otherwise, inner)
        })
        return
      case 'range':
        this.#scoped(() => this.#range(node.pipe, node.body, node.otherwise, dot))
        return
      case 'template':
        this.#call(
          node.name,
          node.pipe === undefined ? undefined : this.#pipe(node.pipe, dot),
          node.at,
        )
        return
      case 'break':
      case 'continue':
        throw new Jump(node.kind)
    }
  }

  #scoped(body: () => void): void {
    const mark = this.#variables.length
    try {
      body()
    } finally {
      this.#variables.length = mark
    }
  }

  #call(name: string, value: unknown, at: number): void {
    const body = this.#template.named.get(name)
    const place = { at, source: `{{template ${JSON.stringify(name)}}}` }
    if (body === undefined) throw this.#error(place, `template ${JSON.stringify(name)} not defined`)
    if (++this.#depth > DEPTH_MAX)
      throw this.#error(place, `exceeded maximum template depth (${DEPTH_MAX})`)
    const outer = this.#variables
    this.#variables = [{ name: '', value }]
    this.walk(body, value)
    this.#variables = outer
    this.#depth--
  }

  #range(pipe: Pipe, body: readonly Node[], otherwise: readonly Node[], dot: unknown): void {
    const value = this.#pipe({ ...pipe, variables: [] }, dot)
    const items = this.#items(pipe, value)
    if (items.length === 0) {
      this.walk(otherwise, dot)
      return
    }
    for (const [key, item] of items) {
      try {
        this.#scoped(() => {
          const [first, second] = pipe.variables
          if (second !== undefined) this.#set(pipe, [first ?? '', key], [second, item])
          else if (first !== undefined) this.#set(pipe, [first, item])
          this.walk(body, item)
        })
      } catch (jump) {
        if (!(jump instanceof Jump)) throw jump
        if (jump.kind === 'break') return
      }
    }
  }

  #items(place: Place, value: unknown): (readonly [unknown, unknown])[] {
    if (value === null || value === undefined) return []
    if (Array.isArray(value)) return [...value.entries()]
    if (typeof value === 'object')
      return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
    if (typeof value === 'number')
      return Array.from({ length: Math.max(0, value) }, (_, at) => [at, at])
    throw this.#error(place, `range can't iterate over ${goPrint(value)}`)
  }

  #set(pipe: Pipe, ...pairs: readonly (readonly [string, unknown])[]): void {
    for (const [name, value] of pairs) {
      const known = pipe.assigns
        ? this.#variables.findLast((entry) => entry.name === name)
        : undefined
      if (known) known.value = value
      else this.#variables.push({ name, value })
    }
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown
    for (const [index, command] of pipe.commands.entries()) {
      value = this.#command(command, dot, index === 0 ? [] : [value])
    }
    const [name] = pipe.variables
    if (name !== undefined) this.#set(pipe, [name, value])
    return value
  }

  /** @param piped the last argument, from the command before */
  #command(command: Command, dot: unknown, piped: readonly unknown[]): unknown {
    const [first, ...rest] = command.operands
    if (first === undefined) return undefined
    if (first.kind === 'function') {
      if (first.name === 'and' || first.name === 'or')
        return this.#shortCircuit(first.name, rest, dot, piped)
      const values = [...rest.map((operand) => this.#operand(operand, dot)), ...piped]
      return this.#apply(first, first.name, values, command)
    }
    const takesArguments =
      first.kind === 'field' || first.kind === 'variable' || first.kind === 'pipe'
    if (rest.length + piped.length > 0) {
      if (!takesArguments)
        throw this.#error(first, `can't give argument to non-function ${first.source}`)
      const values = [...rest.map((operand) => this.#operand(operand, dot)), ...piped]
      return this.#operand(first, dot, values)
    }
    return this.#operand(first, dot)
  }

  #shortCircuit(
    name: 'and' | 'or',
    rest: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
  ): unknown {
    let value: unknown
    for (const operand of rest) {
      value = this.#operand(operand, dot)
      if (isTrue(value) === (name === 'or')) return value
    }
    return piped.length > 0 ? piped[0] : value
  }

  #apply(place: Place, name: string, values: readonly unknown[], command: Place): unknown {
    const apply = this.#functions[name]
    if (apply === undefined)
      throw this.#error(place, `${JSON.stringify(name)} is not a defined function`)
    try {
      return apply(...values)
    } catch (error) {
      if (error instanceof TemplateError || !(error instanceof Error)) throw error
      throw this.#error(command, `error calling ${name}: ${error.message}`, error)
    }
  }

  #operand(operand: Operand, dot: unknown, values: readonly unknown[] = []): unknown {
    switch (operand.kind) {
      case 'dot':
        return dot
      case 'nil':
        return null
      case 'literal':
        return operand.value
      case 'function':
        return this.#apply(operand, operand.name, [], operand)
      case 'field':
        return this.#path(operand, dot, operand.path, values)
      case 'variable': {
        const variable = this.#variables.findLast((entry) => entry.name === operand.name)
        return this.#path(operand, variable?.value, operand.path, values)
      }
      case 'pipe':
        return this.#path(operand, this.#pipe(operand.pipe, dot), operand.path, values)
    }
  }

  #path(
    place: Place,
    start: unknown,
    path: readonly string[],
    values: readonly unknown[],
  ): unknown {
    let value = start
    if (path.length === 0 && values.length > 0) {
      throw this.#error(place, `can't give argument to non-function ${place.source}`)
    }
    for (const [index, name] of path.entries()) {
      value = this.#field(place, value, name, index === path.length - 1 ? values : [])
    }
    return value
  }

  #field(place: Place, owner: unknown, name: string, values: readonly unknown[]): unknown {
    if (owner === undefined || owner === null) {
      if (this.#options.missing === 'zero') return undefined
      throw this.#error(place, `nil data; no entry for key ${JSON.stringify(name)}`)
    }
    if (typeof owner !== 'object' || Array.isArray(owner)) {
      throw this.#error(place, `can't evaluate field ${name} in type ${goType(owner)}`)
    }
    if (!Object.hasOwn(owner, name)) {
      if (owner === this.#root && this.#options.rootType !== undefined) {
        throw this.#error(place, `can't evaluate field ${name} in type ${this.#options.rootType}`)
      }
      if (this.#options.missing === 'zero') return undefined
      throw this.#error(place, `map has no entry for key ${JSON.stringify(name)}`)
    }
    const value = (owner as Readonly<Record<string, unknown>>)[name]
    if (typeof value === 'function') return (value as TemplateFunction)(...values)
    if (values.length > 0)
      throw this.#error(place, `${name} has arguments but cannot be invoked as function`)
    return value
  }

  #error(place: Place, message: string, cause?: unknown): TemplateError {
    const before = this.#template.text.slice(0, place.at)
    const column = place.at - (before.lastIndexOf('\n') + 1)
    const source = place.source.length > 20 ? `${place.source.slice(0, 20)}...` : place.source
    return new TemplateError(
      `template: :${lineOf(this.#template.text, place.at)}:${column}: executing "" at <${source}>: ${message}`,
      cause === undefined ? undefined : { cause },
    )
  }
}
