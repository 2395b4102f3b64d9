import { appendFileSync } from 'node:fs'
import type { FigureId } from './figures.ts'

/** What a suite measured: samples in the figure's unit; `stages` are medians in milliseconds. */
export interface Measured {
  readonly id: FigureId
  readonly samples: readonly number[]
  readonly stages?: Readonly<Record<string, number>>
}

/** Hand samples to the report of this run (run.mjs names the file). */
export function record(
  id: FigureId,
  samples: readonly number[],
  stages?: Readonly<Record<string, number>>,
): void {
  const file = process.env['DRYDOCK_BENCH_FILE']
  if (file === undefined) throw new Error('Run `npm run bench`')
  const measured: Measured = { id, samples, ...(stages ? { stages } : {}) }
  appendFileSync(file, `${JSON.stringify(measured)}\n`)
}
