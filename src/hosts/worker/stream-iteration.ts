/**
 * `for await` over a ReadableStream (Streams Standard, 4.2.5) where the browser lacks it: Safari before 26.4. Import this
 * before anything that reads.
 */
export function addStreamIteration(prototype: object): void {
  if (Symbol.asyncIterator in prototype) return
  Object.defineProperty(prototype, Symbol.asyncIterator, {
    value: iterate,
    configurable: true,
    writable: true,
  })
}

async function* iterate<T>(this: ReadableStream<T>): AsyncGenerator<T, void, undefined> {
  const reader = this.getReader()
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) {
        isDone = true
        return
      }
      yield value
    }
  } finally {
    // Who leaves early wants no more; an error has ended the stream already.
    if (!isDone) await reader.cancel().catch(() => undefined)
    reader.releaseLock()
  }
}

addStreamIteration(ReadableStream.prototype)
