import { expect, test } from 'vitest'
import { Slots } from './slots.ts'

test('lets two in, then each as one leaves, in order; who gives up is passed over', async () => {
  const slots = new Slots(2)
  const first = await slots.take()
  const second = await slots.take()
  const seen: string[] = []
  const gone = new AbortController()
  const third = slots.take(gone.signal).catch((error: unknown) => seen.push(String(error)))
  const fourth = slots.take().then((place) => {
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
  await slots.take()
  await slots.take()
  await expect(slots.take(AbortSignal.abort('late'))).rejects.toBe('late')
})
