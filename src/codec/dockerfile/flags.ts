/** An instruction's `--flags` (BuildKit frontend/dockerfile/instructions/bflag.go). */
import { suggestion } from './suggest.ts'

/** What an instruction's flags may be: a boolean, one value, or values that add up. */
export type FlagKind = 'bool' | 'string' | 'strings'

export class Flags {
  readonly #values = new Map<string, string[]>()

  /** @throws Error for an unknown, repeated or malformed flag */
  constructor(given: readonly string[], known: Readonly<Record<string, FlagKind>>) {
    for (const flag of given) {
      const text = flag.slice(2)
      const at = text.indexOf('=')
      const name = at < 0 ? text : text.slice(0, at)
      const kind = known[name]
      if (kind === undefined) {
        const names = Object.keys(known)
        throw new Error(`unknown flag: --${name}${suggestion(name, names)}`)
      }
      const before = this.#values.get(name) ?? []
      if (before.length > 0 && kind !== 'strings') {
        throw new Error(`duplicate flag specified: ${name}`)
      }
      this.#values.set(name, [
        ...before,
        valueOf(kind, name, at < 0 ? undefined : text.slice(at + 1)),
      ])
    }
  }

  bool(name: string): boolean {
    return this.#values.get(name)?.[0] === 'true'
  }

  string(name: string): string | undefined {
    return this.#values.get(name)?.[0]
  }

  strings(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }
}

function valueOf(kind: FlagKind, name: string, value: string | undefined): string {
  if (kind !== 'bool') {
    if (value === undefined) throw new Error(`missing a value on flag: ${name}`)
    return value
  }
  const lower = (value ?? 'true').toLowerCase()
  if (lower !== 'true' && lower !== 'false') {
    throw new Error(`expecting boolean value for flag ${name}, not: ${value}`)
  }
  return lower
}
