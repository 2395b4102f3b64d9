import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { FrameKind } from '../../src/core/guest-protocol.ts'
import { encodeFrame, encodeJson, FrameParser, parseJson } from '../../src/machine/frame.ts'

interface Golden {
  readonly name: string
  readonly kind: FrameKind
  readonly payloadHex?: string
  readonly json?: object
  readonly bytesHex: string
}

const read = (name: string): Golden[] =>
  JSON.parse(readFileSync(new URL(`guest-protocol/${name}`, import.meta.url), 'utf8')) as Golden[]

// guestd is held against the same files: wasm/guestd/tests/codec-test.c.
describe('golden frames', () => {
  test.each(read('frames.json'))('$name', ({ kind, payloadHex, json, bytesHex }) => {
    const payload = json ? encodeJson(json) : Buffer.from(payloadHex ?? '', 'hex')
    expect(Buffer.from(encodeFrame(kind, payload)).toString('hex')).toBe(bytesHex)
    const parser = new FrameParser()
    parser.push(Buffer.from(bytesHex, 'hex'))
    const frame = parser.next()
    if (!frame) throw new Error('No frame')
    expect(frame.kind).toBe(kind)
    expect(Buffer.from(frame.payload)).toEqual(Buffer.from(payload))
    if (json) expect(parseJson(frame)).toEqual(json)
    expect(parser.partial).toBe(false)
  })

  test.each(read('refused.json'))('refused: $name', ({ bytesHex }) => {
    const parser = new FrameParser()
    parser.push(Buffer.from(bytesHex, 'hex'))
    expect(() => parser.next()).toThrow('broke the protocol')
  })
})
