/** Repeatable noise (mulberry32): a failing seed can be run again. */
export function noise(seed: number): {
  below(limit: number): number
  bytes(length: number): Uint8Array
} {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { below, bytes: (length) => Uint8Array.from({ length }, () => below(256)) }
}
