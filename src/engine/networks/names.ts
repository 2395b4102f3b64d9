import {
  encodeDnsAnswer,
  encodeDnsName,
  parseDnsQuery,
  type DnsAnswer,
  type DnsQuery,
} from '../../codec/dns.ts'
import { dnsCode, dnsType, type DnsQuestion, type DnsRecord } from '../../core/dns.ts'
import type { NameQuestion } from '../../ports/machine/networks.ts'
import type { NameForwarder } from '../../ports/name-forwarder.ts'
import { bitsOf, parseAddress, type Address } from './addresses.ts'
import type { Attachment } from './attachment.ts'
import type { Endpoint } from './endpoint.ts'
import type { Sandbox } from './sandbox.ts'

/** Seconds, as libnetwork's resolver. */
const ttl = 600
const udpLimit = 512
const tcpLimit = 65_535
/** Who asks from the guest's own network. */
const guestItself = '0'.repeat(64)

/** The resolver at 127.0.0.11: names of the containers in the asker's networks, all others from outside. */
export class Names {
  readonly #sandbox: (container: string) => Sandbox | undefined
  readonly #forwarder: NameForwarder | undefined
  /** Turns the order of several addresses from answer to answer. */
  #turn = 0

  constructor(
    sandbox: (container: string) => Sandbox | undefined,
    forwarder: NameForwarder | undefined,
  ) {
    this.#sandbox = sandbox
    this.#forwarder = forwarder
  }

  async answer({ container, protocol, message }: NameQuestion): Promise<Uint8Array | undefined> {
    const query = parseDnsQuery(message)
    if (!query) return undefined
    const limit = protocol === 'tcp' ? tcpLimit : (query.size ?? udpLimit)
    try {
      return encodeDnsAnswer(query, await this.#resolve(container, query), limit)
    } catch {
      return encodeDnsAnswer(query, { code: dnsCode.failed, records: [] }, limit)
    }
  }

  async #resolve(container: string, { opcode, question }: DnsQuery): Promise<DnsAnswer> {
    if (opcode !== 0) return { code: dnsCode.unknown, records: [] }
    if (container === guestItself) return this.#forward(question, [])
    const sandbox = this.#sandbox(container)
    if (!sandbox) return { code: dnsCode.failed, records: [] }
    const known = this.#local(sandbox, question)
    if (known) return { code: dnsCode.ok, records: known }
    const wayOut = sandbox.endpoints.some(({ network }) => !network.record.internal)
    if (!wayOut) {
      return {
        code: dnsCode.failed,
        records: [],
        reason: 'the container is in internal networks alone',
      }
    }
    return this.#forward(question, sandbox.servers)
  }

  async #forward(question: DnsQuestion, servers: readonly string[]): Promise<DnsAnswer> {
    if (!this.#forwarder) {
      return {
        code: dnsCode.failed,
        records: [],
        reason: 'names outside are not known here: there is no way out of this page',
      }
    }
    return this.#forwarder.lookup(question, servers)
  }

  /** @returns undefined for what is none of the asker's neighbours' */
  #local(sandbox: Sandbox, question: DnsQuestion): readonly DnsRecord[] | undefined {
    const { type } = question
    const name = question.name.toLowerCase()
    const users = sandbox.endpoints.filter(({ network }) => network.userDefined)
    if (type === dnsType.PTR) return this.#reverse(users, question)
    const found = users
      .map((endpoint) => this.#named(endpoint, name))
      .find((some) => some.length > 0)
    if (!found) return undefined
    const family = type === dnsType.A ? 4 : type === dnsType.AAAA ? 6 : undefined
    const addresses = found
      .flatMap((endpoint) => endpoint.addresses)
      .filter((address) => address.family === family)
    const start = addresses.length > 1 ? this.#turn++ % addresses.length : 0
    return [...addresses.slice(start), ...addresses.slice(0, start)].map((address) => ({
      name: question.name,
      type,
      ttl,
      data: bytesOf(address),
    }))
  }

  /** Endpoints of the network that `name`, `name.network` or a link of the asker's means. */
  #named({ network, config }: Endpoint, name: string): Attachment[] {
    const suffix = `.${network.name.toLowerCase()}`
    const wanted = [name, ...(name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : [])]
    for (const link of config.Links ?? []) {
      const [target = '', alias = target] = link.split(':')
      if (wanted.includes(alias.toLowerCase())) wanted.push(target.toLowerCase())
    }
    return [...network.endpoints.values()].filter(({ names }) =>
      names.some((known) => wanted.includes(known.toLowerCase())),
    )
  }

  #reverse(users: readonly Endpoint[], question: DnsQuestion): readonly DnsRecord[] | undefined {
    const wanted = reversed(question.name.toLowerCase())
    if (!wanted) return undefined
    for (const { network } of users) {
      for (const endpoint of network.endpoints.values()) {
        if (
          !endpoint.addresses.some(
            ({ family, value }) => family === wanted.family && value === wanted.value,
          )
        ) {
          continue
        }
        return [
          {
            name: question.name,
            type: dnsType.PTR,
            ttl,
            data: encodeDnsName(`${endpoint.names[0]}.${network.name}`),
          },
        ]
      }
    }
    return undefined
  }
}

/** `2.0.17.172.in-addr.arpa` */
function reversed(name: string): Address | undefined {
  const four = /^((?:\d+\.){4})in-addr\.arpa$/.exec(name)
  if (four) return parseAddress((four[1] ?? '').split('.').slice(0, 4).toReversed().join('.'))
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)
  if (!six) return undefined
  const digits = (six[1] ?? '').split('.').toReversed().join('')
  return { family: 6, value: BigInt(`0x${digits}`) }
}

function bytesOf({ family, value }: Address): Uint8Array {
  const size = bitsOf(family) / 8
  return Uint8Array.from({ length: size }, (_, at) =>
    Number((value >> BigInt((size - 1 - at) * 8)) & 0xffn),
  )
}
