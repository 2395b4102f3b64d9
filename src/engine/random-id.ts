import { hex } from '../core/hex.ts'
import type { Clock } from '../ports/clock.ts'

/**
 * 64 hexadecimal digits. The first twelve are a container's host name, and never digits alone: resolvers would take it for an
 * address (moby pkg/stringid, GenerateRandomID).
 */
export function randomId(clock: Pick<Clock, 'randomBytes'>): string {
  for (;;) {
    const id = hex(clock.randomBytes(32))
    if (!/^\d{12}/.test(id)) return id
  }
}
