import { expect, test } from 'vitest'
import { Scheduler } from './scheduler.ts'

const pause = (milliseconds: number) =>
  new Promise((resolve) => void setTimeout(resolve, milliseconds))

test('one turn is pending: the last that was asked for', async () => {
  const ticks: number[] = []
  using scheduler = new Scheduler((tick) => void ticks.push(tick))
  scheduler.schedule(0, 1)
  scheduler.schedule(5, 2)
  scheduler.schedule(0, 3)
  await pause(20)
  expect(ticks).toEqual([3])
  scheduler.schedule(0, 4)
  scheduler.schedule(5, 5)
  await pause(30)
  expect(ticks).toEqual([3, 5])
})

test('turns leave room for timers and sockets', async () => {
  let turns = 0
  using scheduler = new Scheduler((tick) => {
    turns++
    scheduler.schedule(0, tick + 1)
  })
  scheduler.schedule(0, 1)
  await pause(10)
  expect(turns).toBeGreaterThan(1)
})

test('nothing runs after the end', async () => {
  const ticks: number[] = []
  const scheduler = new Scheduler((tick) => void ticks.push(tick))
  scheduler.schedule(0, 1)
  scheduler[Symbol.dispose]()
  scheduler.schedule(0, 2)
  await pause(10)
  expect(ticks).toEqual([])
})
