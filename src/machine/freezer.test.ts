import { expect, test } from 'vitest'
import { Freezer } from './freezer.ts'

function setUp() {
  const calls: string[] = []
  const freezer = new Freezer({
    pause: (container) => Promise.resolve(void calls.push(`pause ${container}`)),
    resume: (container) => Promise.resolve(void calls.push(`resume ${container}`)),
    onError: (error) => calls.push(String(error)),
  })
  const start = (container: string): (() => void) => {
    let end: () => void = () => undefined
    freezer.started(container, new Promise<void>((resolve) => (end = resolve)))
    return end
  }
  return { calls, freezer, start }
}

test('stops what runs, refuses what would start, and lets go on what it stopped', async () => {
  const { calls, freezer, start } = setUp()
  start('a')
  start('b')
  await freezer.pause('b')
  freezer.set('The storage is full')
  await freezer.settled
  expect(calls).toEqual(['pause b', 'pause a'])
  expect(() => freezer.check()).toThrow(/^The storage is full\. .*docker system prune/)
  start('late')
  await freezer.settled
  expect(calls.at(-1)).toBe('pause late')
  freezer.set(undefined)
  await freezer.settled
  expect(calls.slice(3)).toEqual(['resume a', 'resume late'])
  freezer.check()
})

test('pause and unpause of users hold over the end of it', async () => {
  const { calls, freezer, start } = setUp()
  start('a')
  start('b')
  await freezer.pause('b')
  freezer.set('full')
  await freezer.settled
  await freezer.pause('a')
  await freezer.resume('b')
  freezer.set(undefined)
  await freezer.settled
  expect(calls).toEqual(['pause b', 'pause a', 'resume b'])
})

test('what has ended is not asked to go on', async () => {
  const { calls, freezer, start } = setUp()
  const end = start('a')
  freezer.set('full')
  await freezer.settled
  end()
  await Promise.resolve()
  freezer.set(undefined)
  await freezer.settled
  expect(calls).toEqual(['pause a'])
})
