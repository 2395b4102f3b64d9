import { expect, test } from 'vitest'
import { percentile } from './figures.ts'
import { missing, rowsOf, tableOf } from './report.ts'

test('percentiles by nearest rank', () => {
  const samples = Array.from({ length: 20 }, (_, index) => 20 - index)
  expect(percentile(samples, 0.5)).toBe(10)
  expect(percentile(samples, 0.95)).toBe(19)
  expect(percentile([7], 0.95)).toBe(7)
})

test('a figure is met only when both its ends are', () => {
  const slow = rowsOf([{ id: 'run', samples: [...Array.from({ length: 18 }, () => 20), 900, 900] }])
  expect(slow[0]).toMatchObject({ p50: 20, p95: 900, met: false })
  expect(tableOf(slow)).toContain('MISSED')
  expect(rowsOf([{ id: 'run', samples: [60] }])[0]?.met).toBe(true)
})

test('of a throughput the low end counts', () => {
  const samples = [...Array.from({ length: 10 }, () => 300), 10]
  expect(rowsOf([{ id: 'stream-out', samples }])[0]).toMatchObject({ p50: 300, p95: 10, met: true })
})

test('what was not measured is named', () => {
  expect(missing(rowsOf([{ id: 'ping', samples: [1] }]))).toContain('idle')
})
