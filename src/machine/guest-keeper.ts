import { EngineError } from '../core/error.ts'
import type { GuestEvent, OpenFrame, ProcessRef } from '../core/guest-protocol.ts'
import type { RootfsNode } from '../core/layer.ts'
import type { Clock } from '../ports/clock.ts'
import type { DiskStore } from '../ports/disk-store.ts'
import type { MachineState } from '../ports/machine/guest.ts'
import type { SharedFiles } from '../ports/shared-files.ts'
import { Slots } from '../core/slots.ts'
import type { GuestCall } from './control-channel.ts'
import { Guest, type GuestSource } from './guest.ts'
import { identityOf } from './identity.ts'
import { NinepServer } from './ninep/server.ts'
import { ShareServer } from './ninep/share-server.ts'
import type { GuestProcess } from './process.ts'
import { rehearse, REHEARSAL_TREE } from './rehearsal.ts'

export interface GuestMachineOptions {
  readonly wasm: WebAssembly.Module
  readonly source: GuestSource
  readonly clock: Clock
  /** Names the machine: its socket id and machine id derive from it. */
  readonly engineId: string
  readonly hostname: string
  /** The tree of the guest's own root; a promise resolves when it has been added. */
  readonly hostRoot?: { readonly tree: string } | Promise<{ readonly tree: string }>
  /** Lines of the serial console and of the machine's own troubles. */
  readonly log?: (line: string) => void
  /** For writable layers, volumes and the host root's own files; they are gone with the guest otherwise. Stays its owner's. */
  readonly disk?: DiskStore
  /** Directories of the host's machine: containers bind what is below `/run/shares/0`, `/run/shares/1` … */
  readonly shares?: readonly SharedFiles[]
  /** Bytes; default 256 MiB. A snapshot has its own. */
  readonly memoryBytes?: number
  /** Warm the path of a container's start up while nothing else happens; default true. */
  readonly rehearse?: boolean
}

/** Boots in a row that may fail before the machine stays down. */
const ATTEMPTS = 3
/** Milliseconds a guest must have lived for its loss not to count as a failed boot. */
const STABLE = 10_000
/** Milliseconds that an end in good order waits for the disk. */
const SYNC_TIMEOUT = 10_000

/**
 * guestd starts one process after the other, up to a second each on a slow and busy host. What waits here holds up neither
 * its answer to a ping, for which the watchdog waits 15 s, nor a stream's first frame, for which guestd waits 10 s.
 */
const STARTS_AT_ONCE = 4

/** Keeps one guest up: boots it, mounts what it needs, and replaces it when it was lost. */
export class GuestKeeper implements AsyncDisposable {
  readonly #options: GuestMachineOptions
  readonly #onEvent: (event: GuestEvent) => void
  readonly #trees = new Map<string, RootfsNode>()
  readonly #listeners = new Set<(state: MachineState) => void>()
  readonly #stop = new AbortController()
  readonly #starts = new Slots(STARTS_AT_ONCE)
  #server: NinepServer | undefined
  #shares: ShareServer | undefined
  /** The guest that is up or coming; rejected when none will come. */
  #guest: Promise<Guest>
  #running: Guest | undefined
  #hostRoot: Promise<void> | undefined
  #lastWork: number | undefined
  #diskTrouble: string | undefined

  constructor(options: GuestMachineOptions, onEvent: (event: GuestEvent) => void) {
    this.#options = options
    this.#onEvent = onEvent
    this.#guest = this.#boot(1)
    this.#guest.catch(() => undefined)
  }

  /** The guest that is up. */
  get running(): Guest | undefined {
    return this.#running
  }

  addTree(id: string, root: RootfsNode): void {
    this.#trees.set(id, root)
    this.#server?.addTree(id, root)
  }

  removeTree(id: string): void {
    this.#trees.delete(id)
    this.#server?.removeTree(id)
  }

  /** The guest, waited for while it comes up. */
  async ready(signal?: AbortSignal): Promise<Guest> {
    signal?.throwIfAborted()
    this.#stop.signal.throwIfAborted()
    if (!signal) return this.#guest
    let abort: () => void = () => undefined
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
    })
    return Promise.race([this.#guest, aborted]).finally(() =>
      signal.removeEventListener('abort', abort),
    )
  }

  async request(call: GuestCall, signal?: AbortSignal): Promise<unknown> {
    return (await this.ready(signal)).request(call, signal)
  }

  async start(
    open: OpenFrame & { readonly channel: 'process' },
    process: ProcessRef,
    signal?: AbortSignal,
  ): Promise<GuestProcess> {
    using _ = await this.#starts.take(signal)
    const guest = await this.ready(signal)
    this.noteWork()
    try {
      return await guest.startProcess(open, process, signal, () => this.noteWork())
    } finally {
      this.noteWork()
    }
  }

  /** A user wants something: not the moment to rehearse. */
  noteWork(): void {
    this.#lastWork = this.#options.clock.monotonic()
  }

  onState(listener: (state: MachineState) => void, signal?: AbortSignal): void {
    if (signal?.aborted) return
    this.#listeners.add(listener)
    signal?.addEventListener('abort', () => this.#listeners.delete(listener), { once: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return
    await this.#syncDisk()
    this.#stop.abort(new EngineError('unavailable', 'The machine was stopped'))
    this.#running?.[Symbol.dispose]()
    this.#running = undefined
    // A boot under way ends by the signal.
    await this.#guest.then(
      (guest) => guest[Symbol.dispose](),
      () => undefined,
    )
    this.#shares?.[Symbol.dispose]()
    this.#listeners.clear()
  }

  /** What was written is not lost by an end in good order. */
  async #syncDisk(): Promise<void> {
    const guest = this.#running
    if (!this.#options.disk || !guest) return
    const late = new AbortController()
    await Promise.race([
      guest
        .request({ op: 'sync-disk' })
        .catch((error: unknown) => this.#log(`disk: ${String(error)}`)),
      this.#options.clock.sleep(SYNC_TIMEOUT, late.signal).catch(() => undefined),
    ])
    late.abort()
  }

  #onDiskTrouble(reason: string | undefined): void {
    if (reason === this.#diskTrouble) return
    this.#diskTrouble = reason
    this.#log(reason === undefined ? 'disk: it goes on' : `disk: the guest waits: ${reason}`)
  }

  /** Why the disk does not take what is written now, and the guest waits. */
  get diskTrouble(): string | undefined {
    return this.#diskTrouble
  }

  async #boot(attempt: number): Promise<Guest> {
    const { clock, hostname, engineId, hostRoot } = this.#options
    const signal = this.#stop.signal
    this.#tell({ state: 'starting' })
    try {
      const identity = await identityOf(engineId)
      const server = new NinepServer((error) => this.#log(`9p: ${String(error)}`))
      for (const [id, root] of this.#trees) server.addTree(id, root)
      server.addTree(REHEARSAL_TREE.id, REHEARSAL_TREE.root)
      this.#server = server
      this.#hostRoot = undefined
      const shares = this.#openShares()
      const { shares: _, ...options } = this.#options
      const guest: Guest = await Guest.start(
        {
          ...options,
          cid: identity.cid,
          trees: server,
          ...(shares && { shares }),
          log: (line) => this.#log(line),
          onEvent: this.#onEvent,
          onDiskTrouble: (reason) => this.#onDiskTrouble(reason),
        },
        signal,
      )
      try {
        await guest.configure({ hostname, machineId: identity.machineId }, signal)
        const { disk } = this.#options
        if (disk) await guest.request({ op: 'mount-disk', size: disk.size }, signal)
        if (shares) await guest.mountShares(signal)
        signal.throwIfAborted()
      } catch (error) {
        guest[Symbol.dispose]()
        throw error
      }
      this.#running = guest
      const startedAt = clock.monotonic()
      void guest.lost.then((reason) => this.#onLost(guest, reason, startedAt, attempt))
      this.#tell({ state: 'running' })
      if (hostRoot) {
        // In the background: the first shell waits for it, containers don't.
        this.mountHostRoot(guest).catch((error: unknown) =>
          this.#log(`host root: ${String(error)}`),
        )
      }
      if (this.#options.rehearse !== false) void this.#rehearse(guest)
      return guest
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const reason = error instanceof Error ? error.message : String(error)
      this.#log(`machine: ${reason}`)
      this.#tell({ state: 'lost', reason })
      if (attempt < ATTEMPTS) return this.#boot(attempt + 1)
      throw error instanceof EngineError
        ? error
        : new EngineError('unavailable', reason, { cause: error })
    }
  }

  /** Anew for each guest: the one before has nothing open any more. */
  #openShares(): ShareServer | undefined {
    const { shares = [], clock } = this.#options
    this.#shares?.[Symbol.dispose]()
    this.#shares =
      shares.length === 0
        ? undefined
        : new ShareServer(
            shares,
            () => clock.now() / 1000,
            (error) => this.#log(`share: ${String(error)}`),
          )
    return this.#shares
  }

  #onLost(guest: Guest, reason: string, startedAt: number, attempt: number): void {
    if (this.#running !== guest || this.#stop.signal.aborted) return
    this.#running = undefined
    this.#log(`machine: lost: ${reason}`)
    guest.end(`The machine was lost: ${reason}`)
    this.#tell({ state: 'lost', reason })
    const stable = this.#options.clock.monotonic() - startedAt > STABLE
    this.#guest =
      stable || attempt < ATTEMPTS
        ? this.#boot(stable ? 1 : attempt + 1)
        : Promise.reject(new EngineError('unavailable', `The machine was lost: ${reason}`))
    this.#guest.catch(() => undefined)
  }

  async #rehearse(guest: Guest): Promise<void> {
    this.#lastWork = undefined
    const lastWork = () => this.#lastWork
    try {
      await rehearse(
        {
          perform: async (start, signal) => {
            const open = { channel: 'process', op: 'run', ...start } as const
            const { container } = start
            const process = await guest.startProcess(open, { container }, signal)
            await process.output.cancel()
            await process.exited
            await guest.request({ op: 'delete', container })
          },
          get idleTime() {
            return guest.idleTime
          },
          get lastWork() {
            return lastWork()
          },
        },
        this.#options.clock,
        guest.stopped,
      )
    } catch (error) {
      if (!guest.stopped.aborted) this.#log(`machine: rehearsal: ${String(error)}`)
    }
  }

  /** Waits for the tree of the guest's own root, and mounts it once. */
  async mountHostRoot(guest: Guest): Promise<void> {
    const tree = (await this.#options.hostRoot)?.tree
    if (tree === undefined || !this.#trees.has(tree)) {
      throw new EngineError('unavailable', 'The machine has no host root yet')
    }
    this.#hostRoot ??= guest.request({ op: 'mount-host-root', tree }).then(
      () => undefined,
      (error: unknown) => {
        this.#hostRoot = undefined
        throw error
      },
    )
    await this.#hostRoot
  }

  #tell(state: MachineState): void {
    for (const listener of this.#listeners) listener(state)
  }

  #log(line: string): void {
    this.#options.log?.(line)
  }
}
