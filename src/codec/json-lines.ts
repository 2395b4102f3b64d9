/** Streams of JSON values, one a line or back to back, as the Engine API sends progress, events and stats. */
import { EngineError } from '../core/error.ts'

/** Longest value, in characters: nothing that Docker sends comes near. */
const limit = 16 * 1024 * 1024

const encoder = new TextEncoder()

/** One value and its line end. */
export const encodeJsonLine = (value: unknown): Uint8Array<ArrayBuffer> =>
  encoder.encode(`${JSON.stringify(value)}\r\n`)

/**
 * Values out of a byte stream, one a line; empty lines are skipped.
 * @throws EngineError `invalid-parameter` (as an error of the stream) for what is not JSON or longer than 16 MiB
 */
export function jsonLinesDecoder(): TransformStream<Uint8Array, unknown> {
  const decoder = new TextDecoder()
  let text = ''
  const parse = (line: string): unknown => {
    try {
      return JSON.parse(line)
    } catch (cause) {
      throw new EngineError('invalid-parameter', `not JSON: ${line.slice(0, 80)}`, { cause })
    }
  }
  return new TransformStream({
    transform(chunk, controller) {
      text += decoder.decode(chunk, { stream: true })
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      if (text.length > limit)
        throw new EngineError('invalid-parameter', 'a JSON value is too long')
      for (const line of lines) if (line.trim() !== '') controller.enqueue(parse(line))
    },
    flush(controller) {
      text += decoder.decode()
      if (text.trim() !== '') controller.enqueue(parse(text))
    },
  })
}
