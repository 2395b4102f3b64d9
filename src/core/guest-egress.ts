/**
 * The way out of the guest, between the host and guestd.
 *
 * Channel `egress`: the host opens one; a new one takes the place of the last, and without one guestd answers whoever connects
 * to the outside that the network is unreachable. Guest → host `connect`: somebody's first packet to an address outside is
 * held: u32 number, u8 family (4 or 6), u16 port (all little endian), then the destination's and the source's address (4 or
 * 16 bytes each). The host connects, and then either
 *
 * - opens a stream with channel `egress-accept` and the number as `connection`: the packet goes on, and the connection arrives
 *   there as `data` and `end` both ways; a close without `end` is a reset; or
 * - sends `refuse`: u32 number, u8 reason, which the one who connects hears as a network tells it.
 *
 * Guest → host `withdrawn`: u32 number of a connection that nobody waits for any more.
 */
export const refusal = {
  /** TCP reset: connection refused. */
  refused: 1,
  /** ICMP: network unreachable. */
  'no-network': 2,
  /** ICMP: host unreachable. */
  'no-host': 3,
  /** ICMP: prohibited. Programs say "no route to host". */
  prohibited: 4,
} as const

export type Refusal = keyof typeof refusal

/** Stands for the machine that the way out ends on, where its own services are allowed: `host.docker.internal`. */
export const hostAddress = '169.254.53.2'
