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
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    text +=
      length > 0
        ? strict.decode(bytes.subarray(at, at + length))
        : String.fromCharCode(LOW + (bytes[at] ?? 0))
    at += Math.max(length, 1)
  }
  return text
}

/** Bytes of the valid UTF-8 sequence at `at`; 0 when there is none (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0
  if (length === 0 || first > 0xf4 || at + length > bytes.length) return 0
  try {
    strict.decode(bytes.subarray(at, at + length))
    return length
  } catch {
    return 0
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
