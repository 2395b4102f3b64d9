import { encodeDnsQuery, parseDnsAnswer } from '../codec/dns-client.ts'
import { dnsCode, type DnsQuestion } from '../core/dns.ts'
import type { Egress, EgressTarget } from '../ports/egress.ts'
import type { NameForwarder, NameReply } from '../ports/name-forwarder.ts'

/** The relay's own resolver, as our relay has one: a stream to it speaks DNS over TCP. */
export const RELAY_RESOLVER = 'resolver.relay.internal'
const DNS_PORT = 53
/** Milliseconds: a container waits five seconds as a rule. */
const TIMEOUT = 4500

/** Names outside by DNS over TCP (RFC 7766), by the same way out as connections. */
export class RelayNames implements NameForwarder {
  readonly #egress: Egress
  readonly #resolver: EgressTarget

  /** @param resolver an address, with a port where that is not 53; or RELAY_RESOLVER */
  constructor(egress: Egress, resolver: string) {
    this.#egress = egress
    const [, host = resolver, port = DNS_PORT] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(resolver) ?? []
    this.#resolver = isSix(resolver)
      ? { host: resolver, port: DNS_PORT }
      : { host, port: Number(port) }
  }

  async lookup(question: DnsQuestion, servers: readonly string[]): Promise<NameReply> {
    const signal = AbortSignal.timeout(TIMEOUT)
    try {
      const [server] = servers
      const target = server === undefined ? this.#resolver : { host: server, port: DNS_PORT }
      return await this.#ask(target, question, signal)
    } catch (error) {
      const why = signal.aborted ? 'no answer in time' : error instanceof Error ? error.message : ''
      return { code: dnsCode.failed, records: [], reason: `by the relay: ${why}` }
    }
  }

  async #ask(target: EgressTarget, question: DnsQuestion, signal: AbortSignal): Promise<NameReply> {
    const { readable, writable } = await this.#egress.connect(target, signal)
    const writer = writable.getWriter()
    const reader = readable.getReader()
    const stop = (): void => void reader.cancel(signal.reason).catch(() => undefined)
    signal.addEventListener('abort', stop, { once: true })
    try {
      const id = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0
      const query = encodeDnsQuery(id, question)
      await writer.write(Uint8Array.of(query.length >> 8, query.length & 255, ...query))
      let bytes = new Uint8Array(0)
      for (;;) {
        const { done, value } = await reader.read()
        if (done) throw new Error('the resolver closed the connection')
        const more = new Uint8Array(bytes.length + value.length)
        more.set(bytes)
        more.set(value, bytes.length)
        bytes = more
        const length = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
        if (bytes.length < 2 || bytes.length < length + 2) continue
        const answer = parseDnsAnswer(bytes.subarray(2, length + 2), id, question)
        if (!answer) throw new Error('the resolver answers what is no DNS')
        return answer
      }
    } finally {
      signal.removeEventListener('abort', stop)
      void writer.abort().catch(() => undefined)
    }
  }
}

/** An IPv6 address without a port, which would stand behind brackets. */
const isSix = (text: string): boolean => /^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text)
