import type { Duplex } from '../../core/duplex.ts'
import type { GuestNetwork, NetworkChange, NetworkEndpoint } from '../../core/guest-networks.ts'
import type { DialTarget } from '../../core/guest-protocol.ts'
import type { Egress } from '../egress.ts'

/** A question of a container's, as it came. */
export interface NameQuestion {
  readonly container: string
  readonly protocol: 'tcp' | 'udp'
  /** A DNS message (RFC 1035). */
  readonly message: Uint8Array
}

/** @returns the answer's DNS message; undefined: none */
export type NameResolver = (question: NameQuestion) => Promise<Uint8Array | undefined>

/** The networks of containers, and the ways in and out. */
export interface MachineNetworks {
  /** Make a network's bridge, if it isn't there; it lives as long as the guest. */
  create(network: GuestNetwork): Promise<void>
  /** Remove a bridge that no container is in. */
  remove(bridge: string): Promise<void>
  /** Give a running container with a network of its own another link. */
  connect(container: string, endpoint: NetworkEndpoint, change: NetworkChange): Promise<void>
  disconnect(container: string, link: string, change: NetworkChange): Promise<void>
  /**
   * Connect to an address from the guest's own network. By UDP each chunk is a datagram.
   * @throws EngineError `unavailable` with the guest's reason
   */
  dial(target: DialTarget, signal?: AbortSignal): Promise<Duplex>
  /** Who answers what containers ask their resolver; the last one asked for counts. It must not reject. */
  resolveNames(resolve: NameResolver): void
  /** By whom the guest reaches the outside; the last one given counts. Without one it is told that there is no network. */
  connectOutside(egress: Egress): void
}
