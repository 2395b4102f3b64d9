import { expect, test } from 'vitest'
import { Slots } from '../core/slots.ts'
import { KeyedMutex } from './mutex.ts'

test('a key is held by one at a time, in order; who gives up lets the next in', async () => {
  const mutex = new KeyedMutex()
  const order: string[] = []
  const first = await mutex.lock('a')
  const impatient = new AbortController()
  const second = mutex.lock('a', impatient.signal)
  const waitThird = async (): Promise<void> => {
    using _ = await mutex.lock('a')
    order.push('third')
  }
  const third = waitThird()
  const other = await mutex.lock('b')
  other[Symbol.dispose]()
  impatient.abort(new Error('too long'))
  await expect(second).rejects.toThrow('too long')
  expect(order).toEqual([])
  first[Symbol.dispose]()
  await third
  expect(order).toEqual(['third'])
})

test('so many slots, and no more', async () => {
  const slots = new Slots(2)
  const { signal } = new AbortController()
  const held = await Promise.all([slots.take(signal), slots.take(signal)])
  expect(slots.full).toBe(true)
  let entered = false
  const waiting = slots.take(signal).then((slot) => {
    entered = true
    return slot
  })
  const gone = new AbortController()
  const leaving = slots.take(gone.signal)
  gone.abort(new Error('gone'))
  await expect(leaving).rejects.toThrow('gone')
  expect(entered).toBe(false)
  for (const slot of held) slot[Symbol.dispose]()
  const slot = await waiting
  expect(entered).toBe(true)
  slot[Symbol.dispose]()
  expect(slots.full).toBe(false)
})
