import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Measured } from './record.ts'
import { missing, rowsOf, tableOf } from './report.ts'

/** Collects what the suites record; at the end prints the table and writes bench.json. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-bench-'))
  const file = join(folder, 'measured.jsonl')
  process.env['DRYDOCK_BENCH_FILE'] = file
  const loadBefore = loadavg()
  return () => {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
    const rows = rowsOf(lines.map((line) => JSON.parse(line) as Measured))
    const conditions = {
      date: new Date().toISOString(),
      node: process.version,
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      load: { before: loadBefore, after: loadavg() },
      peer: process.env['DRYDOCK_BENCH_PEER'] ?? null,
    }
    writeFileSync('bench.json', `${JSON.stringify({ conditions, rows }, undefined, 2)}\n`)
    console.log(`\n${tableOf(rows)}`)
    const absent = missing(rows)
    if (absent.length > 0) console.log(`\nNot measured in this run: ${absent.join(', ')}`)
    rmSync(folder, { recursive: true })
  }
}
