/** What each file imports; names without an entry of their own (packages, assets) are no part of it. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>

/** Files that import one another in a circle, each circle sorted (Tarjan's strongly connected components). */
export function cycles(graph: ImportGraph): string[][] {
  const found: string[][] = []
  const order = new Map<string, number>()
  const open: string[] = []

  const visit = (file: string): number => {
    const mine = order.size
    order.set(file, mine)
    open.push(file)
    let low = mine
    for (const next of graph.get(file) ?? []) {
      if (!graph.has(next)) continue
      if (!order.has(next)) low = Math.min(low, visit(next))
      else if (open.includes(next)) low = Math.min(low, order.get(next) ?? low)
    }
    if (low === mine) {
      const circle = open.splice(open.indexOf(file))
      if (circle.length > 1 || (graph.get(file) ?? []).includes(file)) found.push(circle.sort())
    }
    return low
  }

  for (const file of graph.keys()) if (!order.has(file)) visit(file)
  return found
}
