/**
 * File names are bytes to Linux and strings to us. UTF-8 is decoded; every byte that isn't part of it becomes one
 * lone surrogate U+DC80 to U+DCFF, which text never holds (Python's PEP 383). So each name has one string, and back.
 */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

const LOW = 0xdc00
const isEscape = (code: number): boolean => code >= 0xdc80 && code <= 0xdcff

export function decodeName(bytes: Uint8Array): string {
  let ascii = true
  for (const byte of bytes) {
    if (byte >= 0x80) {
      ascii = false
      break
    }
  }
  if (ascii && bytes.length < 4096) return String.fromCharCode(...bytes)
  try {
    return strict.decode(bytes)
  } catch {
    return decodeEscaped(bytes)
  }
}

function decodeEscaped(bytes: Uint8Array): string {
  const units: number[] = []
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    if (length === 0) units.push(LOW + (bytes[at] ?? 0))
    else pushCodePoint(units, bytes, at, length)
    at += Math.max(length, 1)
    if (units.length > 4096) text += String.fromCharCode(...units.splice(0))
  }
  return text + String.fromCharCode(...units)
}

/** Bytes of the well-formed UTF-8 sequence at `at`; 0 when there is none (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  const second = bytes[at + 1] ?? 0
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let index = at + 2; index < at + length; index++)
    if (((bytes[index] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}

function pushCodePoint(units: number[], bytes: Uint8Array, at: number, length: number): void {
  const first = bytes[at] ?? 0
  let code = length === 1 ? first : first & (0xff >> (length + 1))
  for (let index = at + 1; index < at + length; index++)
    code = (code << 6) | ((bytes[index] ?? 0) & 0x3f)
  if (code < 0x10000) {
    units.push(code)
  } else {
    code -= 0x10000
    units.push(0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff))
  }
}

export function encodeName(name: string): Uint8Array {
  let escaped = false
  for (let at = 0; at < name.length && !escaped; at++) {
    const code = name.charCodeAt(at)
    if (code >= 0xd800 && code <= 0xdbff) at++
    else escaped = isEscape(code)
  }
  if (!escaped) return encoder.encode(name)
  const parts: number[] = []
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0
    if (isEscape(code)) parts.push(code - LOW)
    else parts.push(...encoder.encode(character))
  }
  return Uint8Array.from(parts)
}
