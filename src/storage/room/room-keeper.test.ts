import { expect, test } from 'vitest'
import { EngineError } from '../../core/error.ts'
import { NoSpaceError } from '../../core/no-space.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Reserve } from './reserve.ts'
import { RoomKeeper } from './room-keeper.ts'

/** A store of so many pieces, some of which the reserve takes. */
class SmallStore implements Reserve {
  free: number
  size = 0
  readonly wanted = 4

  constructor(free: number) {
    this.free = free
  }

  probe(): undefined {
    return undefined
  }

  put = (): Promise<string> => {
    if (this.free === 0) return Promise.reject(new NoSpaceError('no space left on device'))
    this.free--
    return Promise.resolve('stored')
  }

  release(): Promise<void> {
    this.free += this.size
    this.size = 0
    return Promise.resolve()
  }

  fill(): Promise<boolean> {
    while (this.size < this.wanted && this.free > 0) {
      this.free--
      this.size++
    }
    return Promise.resolve(this.size === this.wanted)
  }

  shrink(): Promise<void> {
    return Promise.resolve()
  }
}

/** Sleeps end when the test says so. */
function manualClock(): Clock & { pass(): Promise<void> } {
  let wake: (() => void)[] = []
  return {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        wake.push(resolve)
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      }),
    randomBytes: (length) => new Uint8Array(length),
    pass: async () => {
      const due = wake
      wake = []
      for (const resolve of due) resolve()
      await new Promise((resolve) => setTimeout(resolve))
    },
  }
}

function setUp(free: number) {
  const clock = manualClock()
  const store = new SmallStore(free)
  const keeper = new RoomKeeper(store, clock)
  const told: (string | undefined)[] = []
  keeper.watch((trouble) => told.push(trouble))
  return { clock, store, keeper, told }
}

test('a full store takes what must be written out of the reserve, and goes on when there is room', async () => {
  const { clock, store, keeper, told } = setUp(5)
  keeper.begin()
  await clock.pass()
  expect(keeper.reserved).toBe(4)
  expect(await keeper.write(store.put)).toBe('stored')
  expect(told).toEqual([])
  expect(await keeper.write(store.put)).toBe('stored')
  expect(told).toEqual(['no space left on device'])
  expect(keeper.reserved).toBe(0)
  // A look that finds too little gives back what it took.
  await keeper.check()
  expect([store.free, store.size]).toEqual([3, 0])
  store.free += 3
  await clock.pass()
  expect(told).toEqual(['no space left on device', undefined])
  expect([store.free, store.size]).toEqual([2, 4])
  await keeper[Symbol.asyncDispose]()
})

test('without any room the write fails, and is taken when it is tried again after something was freed', async () => {
  const { store, keeper } = setUp(0)
  await expect(keeper.write(store.put)).rejects.toThrow('no space left on device')
  expect(keeper.trouble).toBe('no space left on device')
  store.free = 1
  expect(await keeper.write(store.put)).toBe('stored')
  expect(keeper.trouble).toBe('no space left on device')
  store.free = 4
  await keeper.check()
  expect(keeper.trouble).toBe(undefined)
  await keeper[Symbol.asyncDispose]()
})

test('a failure of another kind is tried again in silence, and told when it stays', async () => {
  const { keeper, told } = setUp(10)
  let failures = 3
  const flaky = (): Promise<string> =>
    failures-- > 0
      ? Promise.reject(new EngineError('unavailable', 'the connection was lost'))
      : Promise.resolve('stored')
  expect(await keeper.write(flaky)).toBe('stored')
  expect(told).toEqual([])
  failures = 5
  await expect(keeper.write(flaky)).rejects.toThrow('the connection was lost')
  expect(told).toEqual(['the connection was lost'])
  expect(await keeper.write(flaky)).toBe('stored')
  expect(told).toEqual(['the connection was lost', undefined])
  await keeper[Symbol.asyncDispose]()
})

test('what the caller did wrong is neither tried again nor trouble', async () => {
  const { keeper, told } = setUp(10)
  let calls = 0
  const wrong = (): Promise<never> => {
    calls++
    return Promise.reject(new EngineError('invalid-parameter', 'no'))
  }
  await expect(keeper.write(wrong)).rejects.toThrow('no')
  expect([calls, told]).toEqual([1, []])
  await keeper[Symbol.asyncDispose]()
})
