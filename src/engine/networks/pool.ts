import { bitsOf, contains, sizeOf, type Address, type Subnet } from './addresses.ts'

/** The addresses of a subnet, and who has which. */
export class AddressPool {
  readonly subnet: Subnet
  readonly #range: Subnet
  readonly #taken = new Set<bigint>()

  /** @param range where addresses come from that nobody asks for by number */
  constructor(subnet: Subnet, range: Subnet = subnet) {
    this.subnet = subnet
    this.#range = range
    // A small IPv4 subnet needs all it has (RFC 3021).
    if (subnet.family === 4 && subnet.length < 31) {
      this.#taken.add(subnet.base)
      this.#taken.add(subnet.base + sizeOf(subnet) - 1n)
    }
    if (subnet.family === 6) this.#taken.add(subnet.base)
  }

  /** The lowest that is free. @returns undefined when there is none */
  take(): Address | undefined {
    const end = this.#range.base + sizeOf(this.#range)
    for (let value = this.#range.base; value < end; value++) {
      if (!this.#taken.has(value)) {
        this.#taken.add(value)
        return { family: this.subnet.family, value }
      }
    }
    return undefined
  }

  /** @returns whether it was free */
  claim(address: Address): boolean {
    if (!contains(this.subnet, address) || this.#taken.has(address.value)) return false
    this.#taken.add(address.value)
    return true
  }

  release(address: Address): void {
    this.#taken.delete(address.value)
  }

  /** `172.17.0.2/16` takes the subnet's length. */
  get length(): number {
    return this.subnet.length
  }
}

const v4 = (a: number, b: number, c: number, length: number): Subnet => ({
  family: 4,
  base: (BigInt(a) << 24n) | (BigInt(b) << 16n) | (BigInt(c) << 8n),
  length,
})

/** Docker's default address pools, in its order (moby libnetwork/ipamutils). */
export const defaultSubnets: readonly Subnet[] = [
  ...Array.from({ length: 15 }, (_, at) => v4(172, 17 + at, 0, 16)),
  ...Array.from({ length: 16 }, (_, at) => v4(192, 168, at * 16, 20)),
]

/** A /64 of the engine's own ULA prefix (RFC 4193). */
export function uniqueLocal(seed: Uint8Array, number: number): Subnet {
  let base = 0xfdn
  for (const byte of seed.subarray(0, 5)) base = (base << 8n) | BigInt(byte)
  base = (base << 16n) | BigInt(number)
  return { family: 6, base: base << BigInt(bitsOf(6) - 64), length: 64 }
}
