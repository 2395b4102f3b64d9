import { dnsCode, dnsType } from '../core/dns.ts'
import { hostAddress } from '../core/guest-egress.ts'
import type { NameForwarder } from '../ports/name-forwarder.ts'

/** As Docker Desktop calls the machine that its own runs on. */
const HOST_NAME = 'host.docker.internal'
const ttl = 600

/** A forwarder that knows this name, too; whether the machine may be reached is for the way out to say. */
export const withHostName = (next: NameForwarder): NameForwarder => ({
  lookup: async (question, servers) => {
    if (question.name.toLowerCase() !== HOST_NAME) return next.lookup(question, servers)
    const { name, type } = question
    const data = Uint8Array.from(hostAddress.split('.'), Number)
    return {
      code: dnsCode.ok,
      records: type === dnsType.A ? [{ name, type, ttl, data }] : [],
    }
  },
})
