import type { Duplex } from '../core/duplex.ts'

export interface EgressTarget {
  /** An address, or a name that the other end resolves. IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** Connects to the world outside by TCP. */
export interface Egress {
  /**
   * Resolved when the other side has accepted. An aborted `writable` is a reset.
   * @throws EgressError of core/egress-error.ts
   */
  connect(target: EgressTarget, signal: AbortSignal): Promise<Duplex>
}
