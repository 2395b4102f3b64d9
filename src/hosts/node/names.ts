import { promises as dns } from 'node:dns'
import { encodeDnsName } from '../../codec/dns.ts'
import { dnsCode, dnsType, type DnsQuestion, type DnsRecord } from '../../core/dns.ts'
import type { NameForwarder, NameReply } from '../../ports/name-forwarder.ts'

/** Milliseconds for a try, and how many there are: a container waits five seconds as a rule. */
const timeout = 2000
const tries = 2
/** Seconds, where Node doesn't tell. */
const ttl = 60

/** Names outside, by this host's own resolver. */
export const nodeNames: NameForwarder = {
  async lookup(question: DnsQuestion, servers: readonly string[]): Promise<NameReply> {
    const resolver = new dns.Resolver({ timeout, tries })
    try {
      if (servers.length > 0) resolver.setServers(servers)
      return { code: dnsCode.ok, records: await records(resolver, question) }
    } catch (error) {
      return failure(error)
    }
  },
}

function failure(error: unknown): NameReply {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOTFOUND') return { code: dnsCode.noName, records: [] }
  if (code === 'ENODATA') return { code: dnsCode.ok, records: [] }
  return {
    code: dnsCode.failed,
    records: [],
    reason: `the host's resolver: ${code ?? String(error)}`,
  }
}

async function records(
  resolver: dns.Resolver,
  { name, type }: DnsQuestion,
): Promise<readonly DnsRecord[]> {
  const record = (data: Uint8Array, seconds = ttl): DnsRecord => ({
    name,
    type,
    ttl: seconds,
    data,
  })
  switch (type) {
    case dnsType.A:
      return (await resolver.resolve4(name, { ttl: true })).map((found) =>
        record(Uint8Array.from(found.address.split('.'), Number), found.ttl),
      )
    case dnsType.AAAA:
      return (await resolver.resolve6(name, { ttl: true })).map((found) =>
        record(sixBytes(found.address), found.ttl),
      )
    case dnsType.CNAME:
      return (await resolver.resolveCname(name)).map((text) => record(encodeDnsName(text)))
    case dnsType.NS:
      return (await resolver.resolveNs(name)).map((text) => record(encodeDnsName(text)))
    case dnsType.PTR:
      return (await resolver.resolvePtr(name)).map((text) => record(encodeDnsName(text)))
    case dnsType.MX:
      return (await resolver.resolveMx(name)).map(({ exchange, priority }) =>
        record(Uint8Array.of(...short(priority), ...encodeDnsName(exchange))),
      )
    case dnsType.TXT:
      return (await resolver.resolveTxt(name)).map((parts) =>
        record(
          Uint8Array.from(
            parts.flatMap((part) => {
              const bytes = Buffer.from(part)
              return [bytes.length, ...bytes]
            }),
          ),
        ),
      )
    case dnsType.SRV:
      return (await resolver.resolveSrv(name)).map(({ priority, weight, port, name: target }) =>
        record(
          Uint8Array.of(
            ...short(priority),
            ...short(weight),
            ...short(port),
            ...encodeDnsName(target),
          ),
        ),
      )
    default:
      // Node asks for no others.
      return []
  }
}

const short = (number: number): [number, number] => [number >> 8, number & 0xff]

function sixBytes(text: string): Uint8Array {
  const [head = '', tail] = text.split('::')
  const groups = (part: string | undefined): number[] =>
    part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []
  const left = groups(head)
  const right = groups(tail)
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0)
  return Uint8Array.from([...left, ...zeros, ...right].flatMap(short))
}
