import { Gunzip } from 'fflate'
import { EngineError } from '../core/error.ts'
import { joinBytes } from './join-bytes.ts'

/**
 * Inflate whole gzip members that are in memory, at once.
 * @param wanted bytes needed; what lies beyond may be missing in the result
 * @throws EngineError `invalid-parameter` when it is no gzip, or holds less
 */
export function inflateMembers(bytes: Uint8Array, wanted: number): Uint8Array {
  const parts: Uint8Array[] = []
  let size = 0
  const inflater = new Gunzip((part) => {
    parts.push(part)
    size += part.length
  })
  try {
    // In pieces, so that a small file that claims to be large is noticed before it fills the memory.
    for (let at = 0; at < bytes.length; at += 65_536) {
      inflater.push(bytes.subarray(at, at + 65_536))
      if (size >= wanted) break
    }
  } catch (cause) {
    throw new EngineError('invalid-parameter', 'gzip: invalid data', { cause })
  }
  if (size < wanted) throw new EngineError('invalid-parameter', 'gzip: unexpected EOF')
  const [only] = parts
  if (only && parts.length === 1) return only
  return joinBytes(parts)
}
