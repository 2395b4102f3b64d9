import { expect, test } from 'vitest'
import {
  contains,
  formatAddress,
  formatSubnet,
  macOf,
  overlaps,
  parseAddress,
  parseSubnet,
  type Subnet,
} from './addresses.ts'
import { AddressPool, defaultSubnets, uniqueLocal } from './pool.ts'

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text)
  if (!parsed) throw new Error(text)
  return parsed
}
const address = (text: string) => {
  const parsed = parseAddress(text)
  if (!parsed) throw new Error(text)
  return parsed
}

test.each([
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '::'],
  ['::1', '::1'],
  ['fd00:0:0:1::', 'fd00:0:0:1::'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['2001:DB8::A:0:0:1', '2001:db8::a:0:0:1'],
  ['::ffff:1.2.3.4', '::ffff:102:304'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
])('address %s', (text, shown) => {
  expect(formatAddress(address(text))).toBe(shown)
})

test.each([
  '',
  '1.2.3',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.4.5',
  ':',
  ':::',
  '1::2::3',
  'g::',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
])('no address: %s', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test('subnets', () => {
  expect(formatSubnet(subnet('10.1.2.3/8'))).toBe('10.0.0.0/8')
  expect(parseSubnet('10.1.2.3/8')?.exact).toBe(false)
  expect(parseSubnet('10.0.0.0/33')).toBeUndefined()
  expect(parseSubnet('10.0.0.0')).toBeUndefined()
  expect(overlaps(subnet('10.0.0.0/8'), subnet('10.255.0.0/16'))).toBe(true)
  expect(overlaps(subnet('10.0.0.0/9'), subnet('10.128.0.0/9'))).toBe(false)
  expect(overlaps(subnet('::/0'), subnet('0.0.0.0/0'))).toBe(false)
  expect(contains(subnet('fd00::/64'), address('fd00::ffff'))).toBe(true)
  expect(macOf(address('172.17.0.2'))).toBe('02:42:ac:11:00:02')
})

test('a pool gives the lowest that is free, and takes it back', () => {
  const pool = new AddressPool(subnet('10.0.0.0/29'))
  const taken = Array.from({ length: 6 }, () => pool.take())
  expect(taken.map((one) => one && formatAddress(one))).toEqual(
    [1, 2, 3, 4, 5, 6].map((last) => `10.0.0.${last}`),
  )
  expect(pool.take()).toBeUndefined()
  pool.release(address('10.0.0.3'))
  expect(pool.claim(address('10.0.0.3'))).toBe(true)
  expect(pool.claim(address('10.0.0.3'))).toBe(false)
  expect(pool.claim(address('10.0.1.3'))).toBe(false)
  expect(pool.claim(address('10.0.0.7'))).toBe(false)
})

test('a range is where addresses come from; others can be asked for', () => {
  const pool = new AddressPool(subnet('10.0.0.0/16'), subnet('10.0.5.0/31'))
  expect(pool.claim(address('10.0.9.9'))).toBe(true)
  expect([pool.take(), pool.take(), pool.take()].map((one) => one && formatAddress(one))).toEqual([
    '10.0.5.0',
    '10.0.5.1',
    undefined,
  ])
})

test('Docker’s own pools are apart from each other', () => {
  expect(defaultSubnets).toHaveLength(31)
  for (const [at, one] of defaultSubnets.entries()) {
    expect(defaultSubnets.slice(at + 1).some((other) => overlaps(one, other))).toBe(false)
  }
  const local = uniqueLocal(Uint8Array.of(1, 2, 3, 4, 5), 7)
  expect(formatSubnet(local)).toBe('fd01:203:405:7::/64')
})
