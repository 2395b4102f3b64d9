const P1 = 0x9e3779b1
const P2 = 0x85ebca77
const P3 = 0xc2b2ae3d

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))
const round = (lane: number, word: number): number =>
  Math.imul(rotate((lane + Math.imul(word, P2)) | 0, 13), P1)

/** XXH32 of a block, seed 0 (xxHash specification 0.1.1); its length is a multiple of 16. */
export function blockSum(block: Uint8Array): number {
  const bytes = block.byteOffset % 4 === 0 ? block : block.slice()
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2)
  let first = (P1 + P2) | 0
  let second = P2 | 0
  let third = 0
  let fourth = -P1 | 0
  for (let at = 0; at < words.length; at += 4) {
    first = round(first, words[at] ?? 0)
    second = round(second, words[at + 1] ?? 0)
    third = round(third, words[at + 2] ?? 0)
    fourth = round(fourth, words[at + 3] ?? 0)
  }
  let sum = (rotate(first, 1) + rotate(second, 7) + rotate(third, 12) + rotate(fourth, 18)) | 0
  sum = (sum + bytes.length) | 0
  sum = Math.imul(sum ^ (sum >>> 15), P2)
  sum = Math.imul(sum ^ (sum >>> 13), P3)
  return (sum ^ (sum >>> 16)) >>> 0
}
