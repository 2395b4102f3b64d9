import { expect, onTestFinished, test } from 'vitest'
import { EngineError } from '../core/error.ts'
import { arrivedError, carryError } from './engine/carried-error.ts'
import { arrived } from './transport.ts'

/** An error as the structured clone of a message has it. */
async function crossed(error: unknown): Promise<unknown> {
  const { port1, port2 } = new MessageChannel()
  onTestFinished(() => port1.close())
  const arrival = new Promise((resolve) =>
    port2.addEventListener('message', ({ data }: MessageEvent<unknown>) => resolve(data)),
  )
  port2.start()
  port1.postMessage(error)
  return arrival
}

test('an EngineError crosses with its code', async () => {
  const carried = carryError(new EngineError('not-found', 'No such container: web'))
  const error = arrivedError((await crossed(carried)) as typeof carried)
  expect(error).toBeInstanceOf(EngineError)
  expect(error).toMatchObject({ code: 'not-found', message: 'No such container: web' })
})

test('another error keeps its name, and what is no error its text', async () => {
  const carried = carryError(new RangeError('too far'))
  expect(arrivedError((await crossed(carried)) as typeof carried)).toMatchObject({
    name: 'RangeError',
    message: 'too far',
  })
  expect(arrivedError(carryError('out of reach'))).toMatchObject({
    name: 'Error',
    message: 'out of reach',
  })
})

test.each(['EngineError:nonsense', 'EngineError:toString', 'EngineError', 'TypeError'])(
  '%s has no code',
  (name) => {
    const error = Object.assign(new Error('x'), { name })
    expect(arrived(error)).toBe(error)
    expect(arrivedError({ name, message: 'x' })).not.toBeInstanceOf(EngineError)
  },
)

test('what a call over the link threw has its code again', () => {
  const thrown = Object.assign(new Error('busy'), { name: 'EngineError:conflict' })
  expect(arrived(thrown)).toMatchObject({ code: 'conflict', message: 'busy' })
  expect(arrived(undefined)).toBeUndefined()
})
