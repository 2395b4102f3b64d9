import type { Duplex } from '../../src/core/duplex.ts'

/** Two ends of a connection in memory, a few chunks of room each way. */
export function duplexPair(): [Duplex, Duplex] {
  const there = new TransformStream<Uint8Array, Uint8Array>({}, { highWaterMark: 4 })
  const back = new TransformStream<Uint8Array, Uint8Array>({}, { highWaterMark: 4 })
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ]
}
