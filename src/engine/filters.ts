import { EngineError } from '../core/error.ts'

/** The `filters` of the Engine API (moby api/types/filters/parse.go): values of one key are OR, keys are AND. */
export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: Readonly<Record<string, readonly string[]>> = {}) {
    this.#values = new Map(Object.entries(values))
  }

  /**
   * Both forms: `{"label":{"a=b":true}}` and the older `{"label":["a=b"]}`.
   * @throws EngineError `invalid-parameter`
   */
  static parse(text: string | undefined): Filters {
    if (!text) return new Filters()
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      throw new EngineError('invalid-parameter', 'invalid filter')
    }
    if (value === null) return new Filters()
    if (typeof value !== 'object' || Array.isArray(value)) {
      throw new EngineError('invalid-parameter', 'invalid filter')
    }
    const values: Record<string, readonly string[]> = {}
    for (const [key, given] of Object.entries(value) as [string, unknown][]) {
      if (Array.isArray(given) && given.every((item) => typeof item === 'string')) {
        values[key] = given
      } else if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
        values[key] = Object.keys(given)
      } else throw new EngineError('invalid-parameter', 'invalid filter')
    }
    return new Filters(values)
  }

  /** @throws EngineError `invalid-parameter` for a key that isn't accepted */
  check(accepted: readonly string[]): void {
    for (const key of this.#values.keys()) {
      if (!accepted.includes(key)) {
        throw new EngineError('invalid-parameter', `invalid filter '${key}'`)
      }
    }
  }

  has(key: string): boolean {
    return this.get(key).length > 0
  }

  get(key: string): readonly string[] {
    return this.#values.get(key) ?? []
  }

  /** @throws EngineError `invalid-parameter` when the value is no boolean */
  bool(key: string, fallback: boolean): boolean {
    const values = this.get(key)
    if (values.length === 0) return fallback
    const isTrue = values.some((value) => value === '1' || value === 'true')
    const isFalse = values.some((value) => value === '0' || value === 'false')
    if (isTrue === isFalse) {
      throw new EngineError('invalid-parameter', `invalid filter '${key}=[${values.join(' ')}]'`)
    }
    return isTrue
  }

  /** True without such a filter. */
  exact(key: string, value: string): boolean {
    return !this.has(key) || this.get(key).includes(value)
  }

  /** Equal, or a value that is a prefix. True without such a filter. */
  prefix(key: string, value: string): boolean {
    return !this.has(key) || this.get(key).some((wanted) => value.startsWith(wanted))
  }

  /** Equal, or a value that matches as a regular expression. True without such a filter. */
  pattern(key: string, value: string): boolean {
    return (
      !this.has(key) ||
      this.get(key).some((wanted) => wanted === value || toPattern(wanted)?.test(value) === true)
    )
  }

  /** Every `name` or `name=value` of the key is among the labels. */
  labels(labels: Readonly<Record<string, string>> | null | undefined, key = 'label'): boolean {
    return this.get(key).every((wanted) => {
      const [name, value] = splitPair(wanted)
      const has = labels?.[name]
      return has !== undefined && (value === undefined || value === has)
    })
  }
}

function splitPair(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function toPattern(text: string): RegExp | undefined {
  try {
    return new RegExp(text)
  } catch {
    return undefined
  }
}
