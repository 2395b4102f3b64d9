import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { encodeDnsAnswer, parseDnsQuery } from '../../codec/dns.ts'
import type { EgressTarget } from '../../ports/egress.ts'
import type { NameForwarder } from '../../ports/name-forwarder.ts'
import { RELAY_RESOLVER } from '../relay-names.ts'
import { connectChecked } from './direct-egress.ts'
import type { EgressPolicy } from './egress-policy.ts'
import { nodeNames } from './names.ts'

/** A socket, or what looks like one. */
export type Outside = Duplex & Partial<Pick<Socket, 'setTimeout' | 'resetAndDestroy'>>

const DNS_PORT = 53
const MESSAGE_MAX = 4096
const ANSWER_MAX = 65_535

/** What a relay's stream leads to: an address that is open, or the relay's own resolver. @throws EgressError */
export async function connectOutside(
  policy: EgressPolicy,
  target: EgressTarget,
  signal: AbortSignal,
): Promise<Outside> {
  if (target.host === RELAY_RESOLVER && target.port === DNS_PORT) return resolverStream(nodeNames)
  return connectChecked(policy, target, signal)
}

/** A resolver that speaks DNS over TCP (RFC 7766): one question after the other. */
function resolverStream(names: NameForwarder): Duplex {
  return Duplex.from(async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
    let bytes: Buffer = Buffer.alloc(0)
    for await (const more of source) {
      bytes = Buffer.concat([bytes, more])
      while (bytes.length >= 2) {
        const length = bytes.readUInt16BE(0)
        if (length > MESSAGE_MAX) return
        if (bytes.length < length + 2) break
        const query = parseDnsQuery(bytes.subarray(2, length + 2))
        if (!query) return
        bytes = bytes.subarray(length + 2)
        const answer = encodeDnsAnswer(query, await names.lookup(query.question, []), ANSWER_MAX)
        yield Uint8Array.of(answer.length >> 8, answer.length & 255)
        yield answer
      }
    }
  })
}
