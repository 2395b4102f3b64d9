import { expect, test } from 'vitest'
import { excerpt } from './excerpt.ts'

const source = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n'

/** As docker/buildx prints them. */
test.each([
  [1, 1, [1, 2, 3], 'three'],
  [4, 4, [2, 3, 4, 5, 6], 'six'],
  [3, 4, [2, 3, 4, 5], 'five'],
] as const)('lines around %s to %s', (from, to, numbers, last) => {
  const lines = excerpt('Dockerfile', source, from, to).split('\n')
  expect(lines[0]).toBe(`Dockerfile:${from}`)
  const shown = lines.slice(2, -2)
  expect(shown.map((line) => Number(line.slice(0, 4)))).toEqual(numbers)
  expect(shown.at(-1)).toContain(last)
  expect(shown.filter((line) => line.includes('>>>'))).toHaveLength(to - from + 1)
})
