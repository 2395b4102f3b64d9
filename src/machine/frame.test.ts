import { describe, expect, test } from 'vitest'
import { FRAME_MAX, frameKind, type FrameKind } from '../core/guest-protocol.ts'
import { EngineError } from '../core/error.ts'
import { noise } from '../../tests/support/noise.ts'
import { encodeFrame, FrameParser, parseJson, type Frame } from './frame.ts'

function parse(chunks: readonly Uint8Array[]): Frame[] {
  const parser = new FrameParser()
  const frames: Frame[] = []
  for (const chunk of chunks) {
    parser.push(chunk)
    for (let frame = parser.next(); frame; frame = parser.next()) {
      frames.push({ kind: frame.kind, payload: frame.payload.slice() })
    }
  }
  return frames
}

const header = (length: number, kind: number, padding = 0) => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(0, length, true)
  bytes[4] = kind
  bytes[6] = padding
  return bytes
}

describe('frames', () => {
  test('come out as they went in, however the bytes are cut', () => {
    const random = noise(1)
    const kinds = Object.keys(frameKind) as FrameKind[]
    for (let round = 0; round < 200; round++) {
      const frames = Array.from({ length: 1 + random.below(6) }, () => {
        const kind = kinds[random.below(kinds.length)] ?? 'data'
        const limit =
          kind === 'output-end' ? 2 : kind.endsWith('end') ? 1 : kind.startsWith('p') ? 65 : 3000
        return { kind, payload: random.bytes(random.below(limit)) }
      })
      const bytes = new Uint8Array(
        frames.flatMap(({ kind, payload }) => [...encodeFrame(kind, payload)]),
      )
      const chunks: Uint8Array[] = []
      for (let offset = 0; offset < bytes.length;) {
        const end = offset + 1 + random.below(round % 2 ? 12 : 2000)
        chunks.push(bytes.subarray(offset, end))
        offset = end
      }
      expect(parse(chunks)).toEqual(frames)
    }
  })

  test.each([
    ['a length beyond the limit', header(FRAME_MAX + 1, frameKind.data)],
    ['a length of 4 GiB', header(0xffff_ffff, frameKind.data)],
    ['a ping of 65 bytes', header(65, frameKind.ping)],
    ['an end with a payload', header(1, frameKind.end)],
    ['an unknown kind', header(0, 0x7f)],
    ['padding that is not zero', header(0, frameKind.data, 1)],
  ])('%s is refused before anything is kept', (_, bytes) => {
    const parser = new FrameParser()
    parser.push(bytes)
    expect(() => parser.next()).toThrow(EngineError)
  })

  test('tell whether a stream ended within one', () => {
    const parser = new FrameParser()
    parser.push(encodeFrame('data', new Uint8Array(10)).subarray(0, 12))
    expect(parser.next()).toBeUndefined()
    expect(parser.partial).toBe(true)
    parser.push(new Uint8Array(6))
    expect(parser.next()?.payload.length).toBe(10)
    expect(parser.partial).toBe(false)
  })

  test('of noise end in an error of ours, never in another', () => {
    for (let seed = 0; seed < 3000; seed++) {
      const random = noise(seed)
      const bytes = random.bytes(4 + random.below(400))
      // Half of them begin like a frame: those get further.
      if (seed % 2)
        bytes.set(
          header(random.below(64), Object.values(frameKind)[random.below(20)] ?? 1).subarray(
            0,
            bytes.length,
          ),
        )
      try {
        for (const frame of parse([bytes])) parseJson(frame)
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError)
      }
    }
  })
})
