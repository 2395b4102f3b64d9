import { expect, test } from 'vitest'
import { Gate } from './gate.ts'

test('lets two in, then each as one leaves, in order; who gives up is passed over', async () => {
  const gate = new Gate(2)
  const first = await gate.enter()
  const second = await gate.enter()
  const seen: string[] = []
  const gone = new AbortController()
  const third = gate.enter(gone.signal).catch((error: unknown) => seen.push(String(error)))
  const fourth = gate.enter().then((place) => {
    seen.push('fourth')
    return place
  })
  gone.abort('gone')
  await third
  expect(seen).toEqual(['gone'])
  first[Symbol.dispose]()
  const place = await fourth
  expect(seen).toEqual(['gone', 'fourth'])
  second[Symbol.dispose]()
  place[Symbol.dispose]()
  // Both places are free again.
  await gate.enter()
  await gate.enter()
  await expect(gate.enter(AbortSignal.abort('late'))).rejects.toBe('late')
})
