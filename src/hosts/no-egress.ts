import { EgressError } from '../core/egress-error.ts'
import type { Egress } from '../ports/egress.ts'

/** There is no way out, and the log tells why. */
export const noEgress = (why: string): Egress => ({
  connect: () => Promise.reject(new EgressError('no-network', why)),
})
