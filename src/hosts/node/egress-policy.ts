import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { EgressError } from '../../core/egress-error.ts'
import type { EgressTarget } from '../../ports/egress.ts'

export interface EgressRules {
  /** Opened although they are closed by default: `localhost:5000`, `10.0.0.0/8`, `[fd00::/8]:443`, `*.example.org`. */
  readonly allow?: readonly string[]
  /** When given, nothing else is open. Same form. */
  readonly only?: readonly string[]
}

/** Where a connection may really be made: an address, never a name. */
export interface CheckedAddress {
  readonly address: string
  readonly family: 4 | 6
  readonly port: number
}

/** @returns the addresses of a name; rejects as node:dns does */
type Resolve = (name: string) => Promise<readonly { address: string; family: number }[]>

interface Entry {
  readonly port: number | undefined
  /** In lower case; `.example.org` stands for all below it. */
  readonly name?: string
  readonly addresses?: BlockList
}

// RFC 6890 and its registries: what is not the public Internet.
const closedFour: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
/** Within 2000::/3, outside of which nothing is open: Teredo and 6to4 hold IPv4 addresses, the others nothing. */
const closedSix: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const closed = new BlockList()
for (const [net, prefix] of closedFour) closed.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of closedSix) closed.addSubnet(net, prefix, 'ipv6')
const global = new BlockList()
global.addSubnet('2000::', 3, 'ipv6')

/** Which parts of the world may be connected to: the public Internet, but for rules of the user's. */
export class EgressPolicy {
  readonly #allow: readonly Entry[]
  readonly #only: readonly Entry[] | undefined
  readonly #resolve: Resolve
  readonly #never = new Set<number>()

  /** @throws RangeError for a rule that can't be read */
  constructor(
    rules: EgressRules,
    resolve: Resolve = (name) => lookup(name, { all: true, verbatim: true }),
  ) {
    this.#allow = (rules.allow ?? []).map(parseRule)
    this.#only = rules.only?.map(parseRule)
    this.#resolve = resolve
  }

  /** Never connect to this port of this machine: the relay's own, whose page knows its token. */
  closePort(port: number): void {
    this.#never.add(port)
  }

  /**
   * Resolve a name once and check what comes: whoever connects must use these addresses.
   * @throws EgressError `prohibited` when there are none that are open, `no-host` when the name is not known
   */
  async check({ host, port }: EgressTarget): Promise<readonly CheckedAddress[]> {
    const name = host.toLowerCase().replace(/\.$/, '')
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new EgressError('prohibited', `there is no port ${port}`)
    }
    const open: CheckedAddress[] = []
    for (const { address, family } of await this.#addresses(name)) {
      const plain = mapped(address)
      if (await this.#isOpen(name, plain ?? address, port)) {
        open.push({
          address: plain ?? address,
          family: plain !== undefined || family === 4 ? 4 : 6,
          port,
        })
      }
    }
    if (open.length > 0) return open
    throw new EgressError(
      'prohibited',
      `${host}:${port} is not open: private, local and reserved addresses are closed, but for what --allow opens`,
    )
  }

  async #addresses(name: string): Promise<readonly { address: string; family: number }[]> {
    const family = isIP(name)
    if (family !== 0) return [{ address: name, family }]
    if (name.length > 253 || !/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(name)) {
      throw new EgressError('prohibited', 'that is no name of a host')
    }
    try {
      return await this.#resolve(name)
    } catch (cause) {
      throw new EgressError('no-host', `the name ${name} is not known`, { cause })
    }
  }

  async #isOpen(name: string, address: string, port: number): Promise<boolean> {
    if (this.#never.has(port) && !isPublic(address)) return false
    if (this.#only && !(await this.#matches(this.#only, name, address, port))) return false
    if (isPublic(address)) return true
    return this.#matches(this.#allow, name, address, port)
  }

  async #matches(
    entries: readonly Entry[],
    name: string,
    address: string,
    port: number,
  ): Promise<boolean> {
    for (const entry of entries) {
      if (entry.port !== undefined && entry.port !== port) continue
      if (entry.addresses?.check(address, familyOf(address))) return true
      if (entry.name === undefined) continue
      if (entry.name.startsWith('.') ? name.endsWith(entry.name) : name === entry.name) return true
      // The guest has asked for the name before, and connects by the address.
      if (isIP(name) !== 0 && !entry.name.startsWith('.')) {
        const known = await this.#resolve(entry.name).catch(() => [])
        if (known.some((found) => (mapped(found.address) ?? found.address) === address)) return true
      }
    }
    return false
  }
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (address.includes(':') ? 'ipv6' : 'ipv4')

function isPublic(address: string): boolean {
  const family = familyOf(address)
  if (family === 'ipv4') return !closed.check(address, 'ipv4')
  return global.check(address, 'ipv6') && !closed.check(address, 'ipv6')
}

/**
 * The IPv4 address that an IPv6 one stands for: mapped (::ffff:0:0/96), or by way of the well-known NAT64 prefix
 * (64:ff9b::/96, RFC 6052). The check is of that.
 */
function mapped(address: string): string | undefined {
  if (!address.includes(':')) return undefined
  const groups = expand(address)
  const prefix = groups.slice(0, 6).join(':')
  if (prefix !== '0:0:0:0:0:ffff' && prefix !== '64:ff9b:0:0:0:0') return undefined
  const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** Eight groups of an IPv6 address that `isIP` takes, without leading zeros. */
function expand(address: string): string[] {
  const [bare = ''] = address.split('%')
  const plain = bare.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros =
    tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16).toString(16))
}

function parseRule(rule: string): Entry {
  const [, bracketed, six, plain, number] =
    /^(?:(\[(.+)\])|([^:]+|[^[\]]*:[^[\]]*:[^[\]]*?))(?::(\d+))?$/.exec(rule) ?? []
  const host = (bracketed === undefined ? plain : six)?.toLowerCase()
  const port = number === undefined ? undefined : Number(number)
  const [address = '', prefix] = host?.split('/') ?? []
  const family = isIP(address)
  if (host === undefined || (port !== undefined && (port < 1 || port > 65_535)))
    throw unreadable(rule)
  if (family !== 0) {
    const addresses = new BlockList()
    const bits = family === 4 ? 32 : 128
    const length = prefix === undefined ? bits : Number(prefix)
    if (!/^\d*$/.test(prefix ?? '') || length > bits) throw unreadable(rule)
    addresses.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
    return { port, addresses }
  }
  if (!/^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(host)) throw unreadable(rule)
  return { port, name: host.startsWith('*.') ? host.slice(1) : host }
}

const unreadable = (rule: string): RangeError =>
  new RangeError(`'${rule}' is no address, subnet or name, with or without a port`)
