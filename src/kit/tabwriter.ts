/** Go's text/tabwriter as Docker uses it: cells end in a tab, a column is as wide as its widest cell and three more. */
export function alignTabs(text: string, minimum = 10, padding = 3): string {
  const lines = text.split('\n').map((line) => line.split('\t'))
  const widths: number[] = []
  let output = ''

  const write = (from: number, to: number): void => {
    for (let at = from; at < to; at++) {
      const line = lines[at] ?? []
      for (const [column, cell] of line.entries()) {
        const width = column < line.length - 1 ? (widths[column] ?? 0) : 0
        output += cell + ' '.repeat(Math.max(0, width - Array.from(cell).length))
      }
      if (at < lines.length - 1) output += '\n'
    }
  }

  /** A column is a run of lines that have a cell there. */
  const format = (from: number, to: number): void => {
    const column = widths.length
    let start = from
    for (let at = from; at < to; at++) {
      if (column >= (lines[at]?.length ?? 0) - 1) continue
      write(start, at)
      start = at
      let width = minimum
      for (; at < to; at++) {
        const line = lines[at] ?? []
        if (column >= line.length - 1) break
        width = Math.max(width, Array.from(line[column] ?? '').length + padding)
      }
      widths.push(width)
      format(start, at)
      widths.pop()
      start = at
    }
    write(start, to)
  }

  format(0, lines.length)
  return output
}
