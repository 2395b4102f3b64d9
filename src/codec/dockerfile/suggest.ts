/** More changes than these make another word. */
const DISTANCE_MAX = 2

/** ` (did you mean X?)` for the nearest of the known names, or nothing (BuildKit util/suggest). */
export function suggestion(
  given: string,
  known: readonly string[],
  { isCaseSensitive = false }: { readonly isCaseSensitive?: boolean } = {},
): string {
  const fold = (name: string): string => (isCaseSensitive ? name : name.toLowerCase())
  const [best] = known
    .map((name) => ({ name, distance: distance(fold(given), fold(name)) }))
    .sort((left, right) => left.distance - right.distance)
  const isNear = best && best.distance > 0 && best.distance <= DISTANCE_MAX
  return isNear ? ` (did you mean ${best.name}?)` : ''
}

/** Levenshtein: insertions, deletions and replacements. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}
