import { expect, test } from 'vitest'
import { EgressPolicy, type EgressRules } from './egress-policy.ts'

const names: Readonly<Record<string, readonly string[]>> = {
  'public.test': ['93.184.216.34', '2606:2800:220:1::1'],
  'private.test': ['10.0.0.7'],
  'mixed.test': ['192.168.1.1', '93.184.216.34'],
  localhost: ['127.0.0.1', '::1'],
  'mapped.test': ['::ffff:127.0.0.1'],
}

/** getaddrinfo reads numbers as inet_aton does. */
const numbers: Readonly<Record<string, string>> = {
  '2130706433': '127.0.0.1',
  '0x7f000001': '127.0.0.1',
  '0177.0.0.1': '127.0.0.1',
  '127.1': '127.0.0.1',
  '0xa9fea9fe': '169.254.169.254',
}

const policy = (rules: EgressRules = {}): EgressPolicy =>
  new EgressPolicy(rules, async (name) => {
    const found = names[name] ?? (numbers[name] === undefined ? undefined : [numbers[name]])
    if (!found) throw new Error('ENOTFOUND')
    return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  })

const open = async (host: string, rules?: EgressRules, port = 80): Promise<readonly string[]> =>
  (await policy(rules).check({ host, port })).map(({ address }) => address)

test('the public Internet is open', async () => {
  expect(await open('9.9.9.9')).toEqual(['9.9.9.9'])
  expect(await open('2620:fe::fe')).toEqual(['2620:fe::fe'])
  expect(await open('Public.Test.')).toEqual(['93.184.216.34', '2606:2800:220:1::1'])
  expect(await open('mixed.test')).toEqual(['93.184.216.34'])
  expect(await open('64:ff9b::9.9.9.9')).toEqual(['9.9.9.9'])
})

test.each([
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '0:0:0:0:0:ffff:a9fe:a9fe',
  '::ffff:0:127.0.0.1',
  '64:ff9b::127.0.0.1',
  '64:ff9b::a00:1',
  '64:ff9b:1::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%lo',
  'ff02::1',
  '2002:7f00:1::',
  '2001:0:7f00:1::',
  '2001:db8::1',
  'localhost',
  'private.test',
  'mapped.test',
  ...Object.keys(numbers),
])('%s is closed', async (host) => {
  await expect(open(host)).rejects.toMatchObject({ reason: 'prohibited' })
})

test('names that are none, and ports', async () => {
  for (const host of ['', 'a b', 'a/b', 'x\0y', '-a', 'a'.repeat(254), '[::1]', 'fe80::1%']) {
    await expect(open(host)).rejects.toMatchObject({ reason: 'prohibited' })
  }
  await expect(open('nosuch.test')).rejects.toMatchObject({ reason: 'no-host' })
  for (const port of [0, -1, 65_536, 1.5]) {
    await expect(open('9.9.9.9', {}, port)).rejects.toMatchObject({ reason: 'prohibited' })
  }
})

test('an allowed address or name is open at its port alone', async () => {
  expect(await open('127.0.0.1', { allow: ['127.0.0.1:80'] })).toEqual(['127.0.0.1'])
  expect(await open('localhost', { allow: ['localhost:80'] })).toEqual(['127.0.0.1', '::1'])
  expect(await open('::ffff:127.0.0.1', { allow: ['127.0.0.0/8'] })).toEqual(['127.0.0.1'])
  expect(await open('fd00::1', { allow: ['[fd00::/8]:80'] })).toEqual(['fd00::1'])
  expect(await open('fd00::1', { allow: ['fd00::/8'] })).toEqual(['fd00::1'])
  // The guest resolves names itself, and connects to the address.
  expect(await open('10.0.0.7', { allow: ['private.test'] })).toEqual(['10.0.0.7'])
  await expect(open('127.0.0.1', { allow: ['127.0.0.1:81'] })).rejects.toThrow('not open')
  await expect(open('10.0.0.8', { allow: ['private.test'] })).rejects.toThrow('not open')
  await expect(open('evil.private.test', { allow: ['private.test'] })).rejects.toThrow()
})

test('with `only` nothing else is open, and what is private stays closed', async () => {
  expect(await open('public.test', { only: ['*.test'] })).toHaveLength(2)
  expect(await open('93.184.216.34', { only: ['public.test'] })).toHaveLength(1)
  await expect(open('9.9.9.9', { only: ['public.test'] })).rejects.toThrow('not open')
  await expect(open('private.test', { only: ['*.test'] })).rejects.toThrow('not open')
  await expect(open('public.test', { only: [] })).rejects.toThrow('not open')
})

test('the relay’s own port stays closed, whatever is allowed', async () => {
  const own = policy({ allow: ['127.0.0.0/8'] })
  own.closePort(80)
  await expect(own.check({ host: '127.0.0.1', port: 80 })).rejects.toThrow('not open')
  await expect(own.check({ host: '127.0.0.1', port: 81 })).resolves.toHaveLength(1)
  await expect(own.check({ host: '9.9.9.9', port: 80 })).resolves.toHaveLength(1)
})

test('rules that can’t be read are refused', () => {
  for (const rule of [
    '',
    ':80',
    'a:0',
    'a:70000',
    '10.0.0.0/33',
    '10.0.0.0/x',
    'a b',
    '[::1',
    '*',
  ]) {
    expect(() => new EgressPolicy({ allow: [rule] }), rule).toThrow(RangeError)
  }
})
