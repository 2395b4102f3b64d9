import { expect, test } from 'vitest'
import { dnsType } from '../core/dns.ts'
import { encodeDnsAnswer, encodeDnsName, parseDnsQuery } from './dns.ts'
import { encodeDnsQuery, parseDnsAnswer } from './dns-client.ts'

const question = { name: 'www.Example.org', type: dnsType.A }

const answered = (message: Uint8Array): ReturnType<typeof parseDnsAnswer> =>
  parseDnsAnswer(message, 7, question)

function answer(records: Parameters<typeof encodeDnsAnswer>[1]['records'], code = 0): Uint8Array {
  const query = parseDnsQuery(encodeDnsQuery(7, question))
  if (!query) throw new Error('no query')
  return encodeDnsAnswer(query, { code, records }, 65_535)
}

test('a question is what our own resolver reads, and its answer is read again', () => {
  expect(parseDnsQuery(encodeDnsQuery(7, question))).toMatchObject({
    id: 7,
    recursion: true,
    question,
  })
  const records = [
    { name: question.name, type: dnsType.CNAME, ttl: 60, data: encodeDnsName('edge.example.net') },
    { name: 'edge.example.net', type: dnsType.A, ttl: 5, data: Uint8Array.of(93, 184, 216, 34) },
    {
      name: 'x.org',
      type: dnsType.MX,
      ttl: 5,
      data: Uint8Array.of(0, 10, ...encodeDnsName('mx.org')),
    },
  ]
  expect(answered(answer(records))).toEqual({ code: 0, records })
  expect(answered(answer([], 3))).toEqual({ code: 3, records: [] })
})

// 12 bytes of header, the question at 12, one answer whose names point at it.
const header = '000781800001000100000000'
const asked = '03777777074578616d706c65036f7267 00 0001 0001'
const of = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

test('names in records are written out', () => {
  const message = of(`${header} ${asked} c00c 0005 0001 0000003c 0006 03666f6f c010`)
  expect(answered(message)?.records).toEqual([
    {
      name: 'www.Example.org',
      type: dnsType.CNAME,
      ttl: 60,
      data: encodeDnsName('foo.Example.org'),
    },
  ])
})

test.each([
  ['nothing', ''],
  ['another number', `0008${header.slice(4)} ${asked} c00c 0001 0001 0000003c 0004 01020304`],
  ['a question', `00070100${header.slice(8)} ${asked} c00c 0001 0001 0000003c 0004 01020304`],
  ['another name', `${header} 03777777 00 0001 0001 c00c 0001 0001 0000003c 0004 01020304`],
  ['a pointer at itself', `${header} ${asked} c021 0001 0001 0000003c 0004 01020304`],
  ['a pointer at nothing', `${header} ${asked} cfff 0001 0001 0000003c 0004 01020304`],
  ['a record cut off', `${header} ${asked} c00c 0001 0001 0000003c 0004 0102`],
  [
    'fewer records than told',
    `00078180000100020000 0000 ${asked} c00c 0001 0001 0000003c 0004 01020304`,
  ],
  ['a name longer than its record', `${header} ${asked} c00c 0005 0001 0000003c 0001 c00c`],
  ['more records than anybody has', `0007818000017fff00000000 ${asked}`],
])('%s is no answer', (_, text) => {
  expect(answered(of(text))).toBeUndefined()
})
