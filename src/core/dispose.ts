/**
 * Import this first in a worker or a page: Firefox before 141 lacks the symbols, and what `using` is compiled to looks for
 * these in their place.
 */
for (const name of ['dispose', 'asyncDispose'] as const) {
  if (!(name in Symbol)) {
    Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) })
  }
}

export {}
