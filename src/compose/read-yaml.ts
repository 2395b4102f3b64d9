import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import type { Document, Node, Pair } from 'yaml'
import { ComposeError } from './compose-error.ts'
import type { SourcePosition } from './compose-error.ts'
import { isList, isTree } from './tree.ts'
import type { Path, Tree } from './tree.ts'

/** One document of a file: its values, where each stands, and the paths that `!reset` and `!override` name. */
export interface YamlDocument {
  readonly value: unknown
  readonly positions: ReadonlyMap<string, SourcePosition>
  readonly resets: readonly Path[]
}

// go-yaml reads integers as Go does: 0644 and 0o644 are octal.
const integers = [
  {
    tag: 'tag:yaml.org,2002:int',
    test: /^[-+]?0[0-7]+$/,
    resolve: (text: string) => Number.parseInt(text, 8),
    default: true as const,
  },
  {
    tag: 'tag:yaml.org,2002:int',
    test: /^0b[01]+$/,
    resolve: (text: string) => Number.parseInt(text.slice(2), 2),
    default: true as const,
  },
]

/** @throws ComposeError when the text is no YAML, or a key stands twice */
export function readYaml(text: string, file: string): YamlDocument[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    uniqueKeys: false,
    customTags: (tags) => [...integers, ...tags],
    logLevel: 'silent',
  })
  if (!Array.isArray(documents)) return []
  return documents.map((document) => new Reader(document, file, lines).read())
}

class Reader {
  readonly #document: Document.Parsed
  readonly #file: string
  readonly #lines: LineCounter
  readonly #positions = new Map<string, SourcePosition>()
  readonly #resets: Path[] = []

  constructor(document: Document.Parsed, file: string, lines: LineCounter) {
    this.#document = document
    this.#file = file
    this.#lines = lines
  }

  read(): YamlDocument {
    const [fault] = this.#document.errors
    if (fault) {
      const at = this.#at(fault.pos[0])
      const error = new ComposeError(`yaml: line ${at.line}: ${fault.message.split('\n')[0] ?? ''}`)
      error.position = at
      throw error
    }
    const value = this.#value(this.#document.contents, [], [])
    return { value, positions: this.#positions, resets: this.#resets }
  }

  #at(offset: number): SourcePosition {
    const { line, col } = this.#lines.linePos(offset)
    return { file: this.#file, line, column: col }
  }

  #fail(message: string, at: SourcePosition): ComposeError {
    const error = new ComposeError(`failed to parse ${this.#file}: ${message}`)
    error.position = at
    return error
  }

  /** Undefined where `!reset` stands. */
  #value(node: Node | null | undefined, path: Path, inside: readonly Node[]): unknown {
    if (!node) return null
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      const at = this.#at(node.range?.[0] ?? 0)
      if (!target) {
        const error = new ComposeError(`yaml: unknown anchor '${node.source}' referenced`)
        error.position = at
        throw error
      }
      if (inside.includes(target)) {
        throw this.#fail(`cycle detected: node at path ${path.join('.')} references itself`, at)
      }
      return this.#value(target, path, inside)
    }
    if (node.tag === '!reset') {
      this.#resets.push(path)
      return undefined
    }
    if (node.tag === '!override') this.#resets.push(path)
    if (isScalar(node)) return node.value
    if (isSeq(node)) {
      return (node.items as (Node | null)[])
        .map((item, index) => this.#value(item, [...path, String(index)], [...inside, node]))
        .filter((item) => item !== undefined)
    }
    if (isMap(node)) return this.#map(node.items as Pair<Node, Node | null>[], node, path, inside)
    return null
  }

  #map(pairs: Pair<Node, Node | null>[], node: Node, path: Path, inside: readonly Node[]): Tree {
    const tree: Tree = {}
    const merged: Tree[] = []
    const seen = new Map<string, number>()
    for (const pair of pairs) {
      const key = isScalar(pair.key) ? pair.key.value : undefined
      const at = this.#at(pair.key.range?.[0] ?? 0)
      if (typeof key !== 'string') {
        const where = path.length === 0 ? 'at top level' : `in ${path.join('.')}`
        throw new ComposeError(`non-string key ${where}: ${String(key)}`)
      }
      const first = seen.get(key)
      if (first !== undefined) {
        throw this.#fail(
          `line ${at.line}: mapping key ${JSON.stringify(key)} already defined at line ${first}`,
          at,
        )
      }
      seen.set(key, at.line)
      if (key === '<<') {
        const from = this.#value(pair.value, path, [...inside, node])
        merged.push(...(isList(from) ? from : [from]).filter(isTree))
        continue
      }
      const next = [...path, key]
      this.#positions.set(next.join('.'), at)
      const value = this.#value(pair.value, next, [...inside, node])
      if (value !== undefined) tree[key] = value
    }
    for (const from of merged) {
      for (const [key, value] of Object.entries(from)) if (!(key in tree)) tree[key] = value
    }
    return tree
  }
}
