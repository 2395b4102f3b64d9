import type { Duplex } from '../../core/duplex.ts'
import type { GuestInfo } from '../../core/guest-protocol.ts'

/** A connection that a process in the guest made to one of the host's services. */
export interface GuestConnection {
  readonly service: 'docker-cli' | 'docker-socket'
  readonly stream: Duplex
}

export type MachineState =
  | { readonly state: 'starting' }
  | { readonly state: 'running' }
  | { readonly state: 'lost'; readonly reason: string }

/** The guest as one: what it is, whether it is there, and who in it asks for the host. */
export interface MachineGuest {
  /** Facts of the running guest; waits for a boot that is under way. */
  info(): Promise<GuestInfo>
  /** Round trip to guestd, in milliseconds. */
  ping(signal?: AbortSignal): Promise<number>
  /** The kernel's log, for diagnostics. */
  kernelLog(): Promise<string>
  /** Connections that processes in the guest make to the host's services; one reader. */
  readonly connections: ReadableStream<GuestConnection>
  /** Called when the guest was lost (panic, hang) and again when another is up. */
  onState(listener: (state: MachineState) => void, signal?: AbortSignal): void
}
