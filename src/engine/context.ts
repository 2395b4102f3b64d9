import type { Digest } from '../core/digest.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { Clock } from '../ports/clock.ts'
import type { DownloadTransport } from '../ports/download-transport.ts'
import type { HostDirectories } from '../ports/host-directories.ts'
import type { LogStore } from '../ports/log-store.ts'
import type { Machine } from '../ports/machine.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { NameForwarder } from '../ports/name-forwarder.ts'
import type { PortPublisher } from '../ports/port-publisher.ts'
import type { RegistryTransport } from '../ports/registry-transport.ts'
import type { EventBus } from './events/bus.ts'
import type { LogRing } from './log-ring.ts'

/** What a host gives an engine. The stores and the machine stay the host's to dispose, after the engine. */
export interface EngineOptions {
  readonly machine: Machine
  readonly blobs: BlobStore
  readonly records: RecordStore
  readonly logs: LogStore
  readonly clock: Clock
  readonly registry: RegistryTransport
  /** Fetches what a Dockerfile ADDs; absent: it is refused. */
  readonly downloads?: DownloadTransport
  readonly version: {
    readonly version: string
    readonly gitCommit: string
    /** RFC 3339 */
    readonly buildTime: string
  }
  /** Opens published ports on the host; without it they are open in the guest alone. */
  readonly ports?: PortPublisher
  /** Asks the outside for names; without it they are not known. */
  readonly names?: NameForwarder
  /** Host name shown by `info`. */
  readonly name?: string
  /** Given where the host's other parts write to it, too; by default the engine has its own. */
  readonly log?: LogRing
  /** Whose files the paths of bind mounts name: the guest's own root (default), or the client's machine. */
  readonly hostPaths?: 'guest' | 'client'
  /** What of the client's machine containers may have; without it nothing. */
  readonly directories?: HostDirectories
  /** Names the engine for ever: its stores, locks and channels. */
  readonly id: string
}

/** What every part of an engine works with. */
export interface Context extends EngineOptions {
  readonly events: EventBus
  readonly log: LogRing
}

/** What other parts need to know of a container. */
export interface ContainerBrief {
  readonly id: string
  /** Without the leading slash. */
  readonly name: string
  readonly image: Digest
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'
}
