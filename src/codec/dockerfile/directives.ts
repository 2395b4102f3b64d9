/** Comments at the top that speak to the parser: `# escape=\``, `# syntax=…`, `# check=…`. */

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/

export type DirectiveName = 'syntax' | 'escape' | 'check'

const isDirective = (name: string): name is DirectiveName =>
  name === 'syntax' || name === 'escape' || name === 'check'

/** Collects directives until the first line that is none. */
export class Directives {
  readonly values: Map<DirectiveName, { readonly value: string; readonly line: number }> = new Map()
  #done = false

  get escape(): '\\' | '`' {
    return this.values.get('escape')?.value === '`' ? '`' : '\\'
  }

  /** @throws Error for one given twice, or an escape that is none */
  read(text: string, line: number): void {
    if (this.#done) return
    const [, name, value] = DIRECTIVE.exec(text) ?? []
    if (name === undefined || value === undefined) {
      this.#done = true
      return
    }
    const key = name.toLowerCase()
    if (!isDirective(key)) return
    if (this.values.has(key)) throw new Error(`only one ${key} parser directive can be used`)
    if (key === 'escape' && value !== '\\' && value !== '`') {
      throw new Error(`invalid escape token '${value}' does not match \` or \\`)
    }
    this.values.set(key, { value, line })
  }
}
