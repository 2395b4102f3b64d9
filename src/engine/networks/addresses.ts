/** An IP address as a number, and of which family it is. */
export interface Address {
  readonly family: 4 | 6
  readonly value: bigint
}

/** A range of addresses that begins at a multiple of its size. */
export interface Subnet {
  readonly family: 4 | 6
  /** The first address. */
  readonly base: bigint
  /** Bits of the prefix. */
  readonly length: number
}

export const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128)

/** @returns undefined for a text that is no address */
export function parseAddress(text: string): Address | undefined {
  const value = text.includes(':') ? parseSix(text) : parseFour(text)
  return value === undefined ? undefined : { family: text.includes(':') ? 6 : 4, value }
}

function parseFour(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part)))
    return undefined
  let value = 0n
  for (const part of parts) {
    if (Number(part) > 255) return undefined
    value = (value << 8n) | BigInt(part)
  }
  return value
}

function parseSix(text: string): bigint | undefined {
  // `::ffff:1.2.3.4`
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (dotted) {
    const four = parseFour(dotted[2] ?? '')
    if (four === undefined) return undefined
    return parseSix(`${dotted[1]}${(four >> 16n).toString(16)}:${(four & 0xffffn).toString(16)}`)
  }
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')))
  const given = groups.reduce((sum, half) => sum + half.length, 0)
  if (halves.length === 2 ? given > 7 : given !== 8) return undefined
  const [head = [], tail = []] = groups
  const all = [...head, ...Array.from({ length: 8 - given }, () => '0'), ...tail]
  let value = 0n
  for (const group of all) {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined
    value = (value << 16n) | BigInt(`0x${group}`)
  }
  return value
}

export function formatAddress({ family, value }: Address): string {
  if (family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.')
  }
  const groups = Array.from({ length: 8 }, (_, at) =>
    Number((value >> BigInt(112 - at * 16)) & 0xffffn),
  )
  // The longest run of zeros, of two at least, is left out (RFC 5952).
  let best = { at: 0, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && groups[at + length] === 0) length++
    if (length > best.length) best = { at, length }
  }
  const text = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':')
  if (best.length < 2) return text(groups)
  return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`
}

/** `10.0.0.0/8` @returns undefined for a text that is none; `exact`: whether it has no bits beyond its prefix */
export function parseSubnet(text: string): (Subnet & { readonly exact: boolean }) | undefined {
  const found = /^([^/]+)\/(\d{1,3})$/.exec(text)
  const address = parseAddress(found?.[1] ?? '')
  const length = Number(found?.[2])
  if (!address || length > bitsOf(address.family)) return undefined
  const rest = BigInt(bitsOf(address.family) - length)
  const base = (address.value >> rest) << rest
  return { family: address.family, base, length, exact: base === address.value }
}

export const formatSubnet = ({ family, base, length }: Subnet): string =>
  `${formatAddress({ family, value: base })}/${length}`

export const sizeOf = ({ family, length }: Subnet): bigint => 1n << BigInt(bitsOf(family) - length)

export const contains = (subnet: Subnet, address: Address): boolean =>
  subnet.family === address.family &&
  address.value >= subnet.base &&
  address.value < subnet.base + sizeOf(subnet)

export const overlaps = (left: Subnet, right: Subnet): boolean =>
  left.family === right.family &&
  left.base < right.base + sizeOf(right) &&
  right.base < left.base + sizeOf(left)

/** `02:42:` and the address, as Docker did it: the same address keeps its MAC, and no neighbour's table grows stale. */
export function macOf(address: Address): string {
  const bytes = [24n, 16n, 8n, 0n].map((shift) => Number((address.value >> shift) & 0xffn))
  return [0x02, 0x42, ...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
