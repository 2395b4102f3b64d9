import type { DnsQuestion, DnsRecord } from '../core/dns.ts'

export interface NameReply {
  /** RFC 1035 and later: 0 no error, 2 SERVFAIL, 3 NXDOMAIN. */
  readonly code: number
  readonly records: readonly DnsRecord[]
  /** Why there is no answer, for people. */
  readonly reason?: string
}

/** Asks the world outside for names. */
export interface NameForwarder {
  /** Never rejects. @param servers addresses to ask instead of the host's own */
  lookup(question: DnsQuestion, servers: readonly string[]): Promise<NameReply>
}
