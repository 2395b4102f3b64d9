import type { Duplex } from '../core/duplex.ts'

export interface DuplexPair {
  readonly near: Duplex
  readonly far: Duplex
  /** Ends both directions: cleanly after what was written, or with an error. */
  readonly finish: (error?: unknown) => void
}

/** Two ends of a connection in memory. A write resolves when the other end has read it. */
export function duplexPair(): DuplexPair {
  const toFar = direction()
  const toNear = direction()
  return {
    near: { readable: toNear.readable, writable: toFar.writable },
    far: { readable: toFar.readable, writable: toNear.writable },
    finish: (error) => {
      toFar.finish(error)
      toNear.finish(error)
    },
  }
}

function direction(): Duplex & { finish(error?: unknown): void } {
  let control: TransformStreamDefaultController<Uint8Array> | undefined
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(
    {
      start: (controller) => {
        control = controller
      },
    },
    { highWaterMark: 1 },
    { highWaterMark: 0 },
  )
  return {
    readable,
    writable,
    finish: (error) => {
      try {
        if (error === undefined) control?.terminate()
        else control?.error(error)
      } catch (closed) {
        // The end came first.
        if (!(closed instanceof TypeError)) throw closed
      }
    },
  }
}
