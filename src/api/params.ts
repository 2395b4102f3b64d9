import { EngineError } from '../core/error.ts'
import { Filters } from '../engine/filters.ts'

/** Query parameters, read as moby reads them (daemon/server/httputils/form.go). */
export class Query {
  readonly #params: URLSearchParams

  constructor(params: URLSearchParams) {
    this.#params = params
  }

  has(name: string): boolean {
    return this.#params.has(name)
  }

  /** '' when absent, as in a form of Go. */
  string(name: string): string {
    return this.#params.get(name) ?? ''
  }

  strings(name: string): readonly string[] {
    return this.#params.getAll(name)
  }

  /** All but '', `0`, `no`, `false` and `none` is true. */
  bool(name: string, fallback = false): boolean {
    const text = this.#params.get(name)
    if (text === null) return fallback
    return !['', '0', 'no', 'false', 'none'].includes(text.trim().toLowerCase())
  }

  /**
   * An integer; undefined when absent or empty.
   * @throws EngineError `invalid-parameter` in the words of Go's strconv
   */
  int(name: string): number | undefined {
    return parseInteger(this.string(name), 'ParseInt', 'invalid-parameter')
  }

  /** The same where moby answers 500. */
  atoi(name: string): number | undefined {
    return parseInteger(this.string(name), 'Atoi', 'internal')
  }

  /**
   * `1378216169`, `1378216169.123456789` or RFC 3339, as milliseconds since 1970; undefined when absent.
   * @throws EngineError `invalid-parameter`
   */
  time(name: string): number | undefined {
    const text = this.string(name)
    if (!text) return undefined
    if (/^-?\d+(\.\d{1,9})?$/.test(text)) return Number(text) * 1000
    const parsed = Date.parse(text)
    if (Number.isNaN(parsed)) {
      throw new EngineError(
        'invalid-parameter',
        `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
      )
    }
    return parsed
  }

  /** @throws EngineError `invalid-parameter` */
  filters(name = 'filters'): Filters {
    return Filters.parse(this.string(name))
  }
}

function parseInteger(
  text: string,
  parser: 'ParseInt' | 'Atoi',
  code: 'invalid-parameter' | 'internal',
): number | undefined {
  if (text === '') return undefined
  if (!/^[+-]?\d+$/.test(text)) {
    throw new EngineError(
      code,
      `strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`,
    )
  }
  return Number(text)
}
