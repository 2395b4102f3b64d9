/** A YAML mapping as it was read, before it has a type. */
export type Tree = Record<string, unknown>
export type Path = readonly string[]

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isList = (value: unknown): value is unknown[] => Array.isArray(value)

/** `services.web.ports.[]`, as Compose names a place. */
export const pathText = (path: Path): string => path.join('.')

/** By patterns such as `services.*.build`: what the first that matches holds. */
export class PathTable<T> {
  readonly #byLength = new Map<number, { readonly parts: readonly string[]; readonly value: T }[]>()

  constructor(entries: Readonly<Record<string, T>>) {
    for (const [pattern, value] of Object.entries(entries)) {
      const parts = pattern.split('.')
      const same = this.#byLength.get(parts.length) ?? []
      same.push({ parts, value })
      this.#byLength.set(parts.length, same)
    }
  }

  get(path: Path): T | undefined {
    return this.#byLength
      .get(path.length)
      ?.find(({ parts }) => parts.every((part, index) => part === '*' || part === path[index]))
      ?.value
  }
}

/** As Go's fmt.Sprint prints a scalar. */
export const print = (value: unknown): string =>
  value === null || value === undefined ? '<nil>' : `${value as string | number | boolean}`
