import { EngineError } from '../../core/error.ts'

/**
 * A stream's bytes in one piece.
 * @param max more than so many bytes are refused
 * @throws EngineError `internal`
 */
export async function readAll(
  stream: AsyncIterable<Uint8Array>,
  max: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length > max) throw new EngineError('internal', `${what} is larger than ${max} bytes`)
    chunks.push(chunk)
  }
  const all = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.length
  }
  return all
}
