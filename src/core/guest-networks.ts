/** A bridge of the guest, and how it is treated. */
export interface GuestNetwork {
  /** Its link's name: `docker0`, `br-0123456789ab`. */
  readonly bridge: string
  /** Of the bridge itself, the gateways, with their subnet's length: `172.17.0.1/16`. */
  readonly addresses: readonly string[]
  /** Nothing of it reaches the outside, nor other networks. */
  readonly internal: boolean
  /** Its containers don't reach each other (`icc=false`). */
  readonly isolated: boolean
  /** What leaves it takes the machine's own address. */
  readonly masquerade: boolean
  readonly mtu?: number
}

/** A container's place in a network. */
export interface NetworkEndpoint {
  readonly bridge: string
  /** Name of the link in the container. */
  readonly interface: string
  /** `02:42:ac:11:00:02` */
  readonly mac: string
  /** With their subnet's length: `172.17.0.2/16`. */
  readonly addresses: readonly string[]
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp'
  /** Absent: every address of the machine. */
  readonly hostIp?: string
  readonly hostPort: number
  /** The container's address and port. */
  readonly address: string
  readonly port: number
}

export interface ContainerNetwork {
  readonly endpoints: readonly NetworkEndpoint[]
  /** Default routes, one of a family at most. */
  readonly gateways: readonly string[]
  /** A resolver at 127.0.0.11, see channel `names`. */
  readonly resolver: boolean
  readonly ports: readonly PublishedPort[]
}

/** What a connect or disconnect leaves behind: gateways, ports and /etc/hosts as they are to be then. */
export interface NetworkChange {
  readonly gateways: readonly string[]
  readonly resolver: boolean
  /** Absent: they stay. */
  readonly ports?: readonly PublishedPort[]
  /** As ContainerStart's. */
  readonly files: Readonly<Record<string, string>>
}

/** Counters of a link, seen from inside the container. */
export interface LinkStats {
  readonly rxBytes: number
  readonly rxPackets: number
  readonly rxErrors: number
  readonly rxDropped: number
  readonly txBytes: number
  readonly txPackets: number
  readonly txErrors: number
  readonly txDropped: number
}
