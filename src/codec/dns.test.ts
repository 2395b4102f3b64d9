import { expect, test } from 'vitest'
import { dnsType } from '../core/dns.ts'
import { encodeDnsAnswer, encodeDnsName, parseDnsQuery } from './dns.ts'

const question = (name: string, type: number, edns = false): Uint8Array => {
  const encoded = encodeDnsName(name)
  const message = new Uint8Array(encoded.length + 16 + (edns ? 11 : 0))
  message.set([0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, edns ? 1 : 0])
  message.set(encoded, 12)
  message.set([0, type, 0, 1], encoded.length + 12)
  if (edns) message.set([0, 0, dnsType.OPT, 0x04, 0xd0], encoded.length + 16)
  return message
}

test('a question', () => {
  expect(parseDnsQuery(question('Web.front', dnsType.A, true))).toEqual({
    id: 0x1234,
    opcode: 0,
    recursion: true,
    question: { name: 'Web.front', type: dnsType.A },
    size: 1232,
  })
  expect(parseDnsQuery(question('a', dnsType.AAAA))?.size).toBeUndefined()
})

test('what is no question', () => {
  const whole = question('web', dnsType.A)
  for (let length = 0; length < whole.length; length++) {
    expect(parseDnsQuery(whole.subarray(0, length))).toBeUndefined()
  }
  const answer = whole.slice()
  answer[2] = 0x81
  expect(parseDnsQuery(answer)).toBeUndefined()
  const pointer = whole.slice()
  pointer[12] = 0xc0
  expect(parseDnsQuery(pointer)).toBeUndefined()
})

test('an answer, and one that is too long', () => {
  const query = parseDnsQuery(question('web', dnsType.A))
  if (!query) throw new Error('no query')
  const record = { name: 'web', type: dnsType.A, ttl: 600, data: Uint8Array.of(172, 18, 0, 2) }
  const one = encodeDnsAnswer(query, { code: 0, records: [record] }, 512)
  expect([...one.subarray(0, 12)]).toEqual([0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
  expect([...one.subarray(-4)]).toEqual([172, 18, 0, 2])
  const many = encodeDnsAnswer(
    query,
    { code: 0, records: Array.from({ length: 99 }, () => record) },
    512,
  )
  expect(many.length).toBeLessThanOrEqual(512)
  expect((many[2] ?? 0) & 0x02).toBe(0x02)
})

test('the reason of a failure goes to who understands it', () => {
  const query = parseDnsQuery(question('web', dnsType.A, true))
  if (!query) throw new Error('no query')
  const failed = encodeDnsAnswer(query, { code: 2, records: [], reason: 'no way out' }, 1232)
  expect((failed[3] ?? 0) & 15).toBe(2)
  expect(new TextDecoder().decode(failed)).toContain('no way out')
})
