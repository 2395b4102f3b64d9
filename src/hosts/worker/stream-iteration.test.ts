import { expect, test } from 'vitest'
import { addStreamIteration } from './stream-iteration.ts'

class BareStream<T> {
  readonly #stream: ReadableStream<T>
  constructor(stream: ReadableStream<T>) {
    this.#stream = stream
  }
  getReader(): ReadableStreamDefaultReader<T> {
    return this.#stream.getReader()
  }
}
addStreamIteration(BareStream.prototype)

const streamOf = (onCancel: () => void): AsyncIterable<number> => {
  let next = 0
  const stream = new ReadableStream<number>({
    pull: (controller) => {
      if (next === 3) controller.close()
      else controller.enqueue(next++)
    },
    cancel: onCancel,
  })
  return new BareStream(stream) as unknown as AsyncIterable<number>
}

test('reads to the end', async () => {
  const seen: number[] = []
  for await (const value of streamOf(() => expect.unreachable())) seen.push(value)
  expect(seen).toEqual([0, 1, 2])
})

test('leaving early cancels', async () => {
  let cancelled = false
  for await (const _ of streamOf(() => (cancelled = true))) break
  expect(cancelled).toBe(true)
})

test('what is there is left alone', () => {
  const own = Symbol.asyncIterator in ReadableStream.prototype
  expect(own).toBe(true)
  const before = ReadableStream.prototype[Symbol.asyncIterator]
  addStreamIteration(ReadableStream.prototype)
  expect(ReadableStream.prototype[Symbol.asyncIterator]).toBe(before)
})
