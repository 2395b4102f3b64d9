/** The vocabulary of DNS (RFC 1035) and of what came later. */

export const dnsType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
} as const

export const dnsCode = { ok: 0, format: 1, failed: 2, noName: 3, unknown: 4 } as const

export interface DnsQuestion {
  /** Without the last dot, as it was asked: letters may be of either case. */
  readonly name: string
  readonly type: number
}

export interface DnsRecord {
  readonly name: string
  readonly type: number
  /** Seconds. */
  readonly ttl: number
  readonly data: Uint8Array
}
