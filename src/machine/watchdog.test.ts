import { expect, test } from 'vitest'
import type { Clock } from '../ports/clock.ts'
import { watch } from './watchdog.ts'

/** Each sleep takes what `step` says. */
function steps(step: (turn: number) => number): Clock {
  let now = 0
  let turn = 0
  return {
    now: () => now,
    monotonic: () => now,
    sleep: async (_, signal) => {
      signal?.throwIfAborted()
      now += step(turn++)
      await Promise.resolve()
      if (turn > 200) throw new Error('The test ended')
    },
    randomBytes: (length) => new Uint8Array(length),
  }
}

async function observe(clock: Clock, ping: () => Promise<unknown>) {
  const seen = { silence: 0, wake: 0, pings: 0 }
  const answer = () => {
    seen.pings++
    return ping()
  }
  await watch(
    { ping: answer, onSilence: () => seen.silence++, onWake: () => seen.wake++ },
    clock,
    new AbortController().signal,
  )
  return { ...seen, at: clock.monotonic() }
}

const never = () => new Promise(() => undefined)

test('a guest that answers is left alone', async () => {
  const seen = await observe(
    steps(() => 1000),
    async () => undefined,
  )
  expect(seen).toMatchObject({ silence: 0, wake: 0, pings: 40 })
})

test('15 seconds without an answer are a loss', async () => {
  const seen = await observe(
    steps(() => 1000),
    never,
  )
  expect(seen).toMatchObject({ silence: 1, at: 20_000 })
})

test('a wall clock that was set is told once', async () => {
  const clock = steps(() => 1000)
  const set = { ...clock, now: () => clock.monotonic() + (clock.monotonic() > 50_000 ? 60_000 : 0) }
  expect(await observe(set, async () => undefined)).toMatchObject({ silence: 0, wake: 1 })
})

test('a frozen host does not count, and is told', async () => {
  // From the tenth second on each tick takes an hour.
  const seen = await observe(
    steps((turn) => (turn < 10 || turn > 15 ? 1000 : 3_600_000)),
    never,
  )
  expect(seen.wake).toBe(6)
  expect(seen.at - 6 * 3_600_000).toBeGreaterThanOrEqual(5_000)
})
