import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { FrameKind } from '../../../src/core/guest-protocol.ts'
import { encodeFrame, encodeJson, FrameParser, parseJson } from '../../../src/machine/frame.ts'

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as readonly {
    readonly name: string
    readonly kind: FrameKind
    readonly json?: object
    readonly payloadHex?: string
    readonly bytesHex: string
  }[]

test.each(read('frames.json'))('$name: $kind', ({ kind, json, payloadHex = '', bytesHex }) => {
  const bytes = Buffer.from(bytesHex, 'hex')
  const payload = json ? encodeJson(json) : Buffer.from(payloadHex, 'hex')
  expect(Buffer.from(encodeFrame(kind, payload)).toString('hex')).toBe(bytesHex)
  const parser = new FrameParser()
  parser.push(bytes)
  const frame = parser.next()
  expect(frame?.kind).toBe(kind)
  expect(Buffer.from(frame?.payload ?? []).equals(payload)).toBe(true)
  if (json && frame) expect(parseJson(frame)).toEqual(json)
  expect(parser.partial).toBe(false)
})

test.each(read('refused.json'))('$name is refused', ({ bytesHex }) => {
  const parser = new FrameParser()
  parser.push(Buffer.from(bytesHex, 'hex'))
  expect(() => parser.next()).toThrow('guestd broke the protocol')
})
