import { figures, percentile, type Figure, type FigureId } from './figures.ts'
import type { Measured } from './record.ts'

export interface Row {
  readonly id: FigureId
  readonly title: string
  readonly unit: string
  readonly samples: number
  readonly p50: number
  readonly p95: number
  readonly target: Figure['target']
  readonly met: boolean
  readonly stages?: Readonly<Record<string, number>>
}

/** What was measured, in the table's order; what was not is left out and named by `missing`. */
export function rowsOf(measured: readonly Measured[]): Row[] {
  return ids.flatMap((id) => {
    const found = measured.findLast((entry) => entry.id === id)
    return found && found.samples.length > 0 ? [rowOf(found)] : []
  })
}

export const missing = (rows: readonly Row[]): FigureId[] =>
  ids.filter((id) => !rows.some((row) => row.id === id))

const ids = Object.keys(figures) as FigureId[]

function rowOf({ id, samples, stages }: Measured): Row {
  const { title, unit, target, bound }: Figure = figures[id]
  const p50 = percentile(samples, 0.5)
  // The bad end of a figure that should be high is the low one.
  const p95 = percentile(samples, bound === 'most' ? 0.95 : 0.05)
  const holds = (value: number, wanted: number | undefined): boolean =>
    wanted === undefined || (bound === 'most' ? value <= wanted : value >= wanted)
  const met = holds(p50, target.p50) && holds(p95, target.p95)
  return {
    id,
    title,
    unit,
    samples: samples.length,
    p50,
    p95,
    target,
    met,
    ...(stages ? { stages } : {}),
  }
}

/** A table for people. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['figure', 'p50', 'p95', 'target', 'n', '']
  const body = rows.map((row) => {
    const sign = figures[row.id].bound === 'most' ? '≤' : '≥'
    const { p50, p95 } = row.target
    const target = [p50, p95].filter((value) => value !== undefined).join(' / ')
    return [
      row.title,
      `${round(row.p50)} ${row.unit}`,
      `${round(row.p95)} ${row.unit}`,
      target === '' ? '' : `${sign} ${target} ${row.unit}`,
      String(row.samples),
      target === '' ? '' : row.met ? 'met' : 'MISSED',
    ]
  })
  const widths = head.map((_, column) =>
    Math.max(...[head, ...body].map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const stages = rows.flatMap(({ title, stages: parts }) =>
    parts
      ? [
          `${title}: ${Object.entries(parts)
            .map(([name, value]) => `${name} ${round(value)}`)
            .join(', ')} ms`,
        ]
      : [],
  )
  return [
    line(head),
    ...body.map(line),
    ...(stages.length > 0 ? ['', 'Stages (median)', ...stages] : []),
  ].join('\n')
}

const round = (value: number): string =>
  value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0)
